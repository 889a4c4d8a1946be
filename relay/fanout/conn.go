package fanout

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// stallTimeout is how long a client may take no byte while bytes wait for it.
const stallTimeout = 30 * time.Second

// clientConn is the connection of a client. One goroutine at a time writes to it. Any goroutine may close it.
type clientConn struct {
	net.Conn
	direct descriptor
	unsent []byte // the rest of a frame that is begun, to be sent first; read-only, since other clients share it
}

func newClientConn(conn net.Conn) clientConn {
	return clientConn{Conn: conn, direct: newDescriptor(conn)}
}

// tryWrite writes as much of b as the kernel takes at once. It returns how many frames it has begun, and whether
// all are whole. If not, the next write must be by send, which sends the rest of the last frame first.
func (c *clientConn) tryWrite(b *batch, writer *transfer) (begun int, whole bool, err error) {
	if !c.direct.ok() {
		return 0, false, nil
	}
	n, err := writer.do(c.direct, b.joined)
	if err != nil || n == len(b.joined) {
		return len(b.frames), err == nil, err
	}
	if begun = b.begun(n); begun > 0 {
		c.unsent = b.rest(begun-1, n)
	}
	return begun, false, nil
}

// send writes the rest of a frame that is begun, and then p. It blocks until the kernel has taken everything. It
// fails if the client takes no byte for stallTimeout; the connection is then unusable. Each write holds a slot of
// the limiter.
func (c *clientConn) send(p []byte, limiter catchUpLimiter) error {
	unsent := c.unsent
	c.unsent = nil
	if err := c.sendAll(unsent, limiter); err != nil {
		return err
	}
	return c.sendAll(p, limiter)
}

func (c *clientConn) sendAll(p []byte, limiter catchUpLimiter) error {
	for len(p) > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
			return err
		}
		n, err := c.sendSome(p, limiter)
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (c *clientConn) sendSome(p []byte, limiter catchUpLimiter) (int, error) {
	if c.direct.ok() {
		return c.direct.writeSome(p, limiter)
	}
	return c.Write(p)
}

// allAcked reports whether the client's kernel has acknowledged everything that was written. It is false if that is
// unknown, as under TLS.
func (c *clientConn) allAcked() bool {
	tcp, ok := c.Conn.(*net.TCPConn)
	return ok && !unacked(tcp)
}

// abort closes the connection and drops what the client has not acknowledged, which the kernel would keep for
// minutes. It does not block, so it omits the close alert of TLS.
func (c *clientConn) abort() {
	tcp := tcpConn(c.Conn)
	if tcp == nil {
		c.Close()
		return
	}
	tcp.SetLinger(0)
	tcp.Close()
}

// closeBlocks reports whether Close may block on the client: TLS sends a close alert (RFC 8446 §6.1).
func (c *clientConn) closeBlocks() bool {
	_, secure := c.Conn.(*tls.Conn)
	return secure
}

// tcpConn returns the TCP connection below conn, which may be wrapped by TLS and the PROXY protocol, or nil.
func tcpConn(conn net.Conn) *net.TCPConn {
	switch conn := conn.(type) {
	case *net.TCPConn:
		return conn
	case interface{ NetConn() net.Conn }:
		return tcpConn(conn.NetConn())
	case interface{ TCPConn() (*net.TCPConn, bool) }:
		tcp, _ := conn.TCPConn()
		return tcp
	default:
		return nil
	}
}
