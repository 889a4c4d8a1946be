package fanout

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"wpre-relay/relay/budget"
)

// stallTimeout is how long a client may take no byte while bytes wait for it. Only a test changes it.
var stallTimeout = 30 * time.Second

// wrappedPiece is the number of bytes written at once to a connection with a layer above TCP, such as the PROXY
// protocol. A socket counts as writable if a third of its send buffer is free, which is several times as much.
const wrappedPiece = 16 << 10

// transparent is a connection that passes all bytes to the one below, which may be used instead.
type transparent interface{ Transparent() net.Conn }

// clientConn is the connection of a client. One goroutine at a time writes to it. The shard's goroutine closes it.
type clientConn struct {
	net.Conn            // nil if direct has taken it over
	direct   descriptor // of a TCP connection without a layer above; none on systems other than Linux
	tls      *tlsConn   // nil unless it can read and write Conn
}

func newClientConn(conn net.Conn, buffers *budget.Budget, network netip.Prefix) clientConn {
	conn = withoutTransparent(conn)
	if direct := takeDescriptor(conn); direct.ok() {
		return clientConn{direct: direct}
	}
	return clientConn{Conn: conn, tls: newTLSConn(conn, buffers, network)}
}

// withoutTransparent returns the first connection below conn that is not transparent.
func withoutTransparent(conn net.Conn) net.Conn {
	for layer, ok := conn.(transparent); ok; layer, ok = conn.(transparent) {
		conn = layer.Transparent()
	}
	return conn
}

// Close closes the connection. The kernel still sends its buffered bytes.
func (c *clientConn) Close() error {
	switch {
	case c.direct.ok():
		return c.direct.close(false)
	case c.tls != nil:
		return c.tls.close(false)
	default:
		return c.Conn.Close()
	}
}

// RemoteAddr returns the client's address.
func (c *clientConn) RemoteAddr() net.Addr {
	if c.direct.ok() {
		return c.direct.remoteAddr()
	}
	return c.Conn.RemoteAddr()
}

// read waits for bytes and reads them into p.
func (c *clientConn) read(p []byte, reader *transfer) (int, error) {
	if !c.direct.ok() {
		return c.Conn.Read(p)
	}
	if err := c.direct.waitReadable(); err != nil {
		return 0, err
	}
	return reader.do(c.direct, p)
}

// tryWrite writes as much of p as the kernel takes at once. It returns the number of bytes that must not be written
// again, and whether the kernel has taken everything. It writes nothing if only a write that may block is possible.
func (c *clientConn) tryWrite(p []byte, writer *transfer) (n int, whole bool, err error) {
	switch {
	case c.direct.ok():
		n, err = writer.do(c.direct, p)
		return n, n == len(p), err
	case c.tls != nil:
		return c.tls.write(p)
	default:
		return 0, false, nil
	}
}

// write is like tryWrite, but it writes to every connection. If the connection is not pollable, it blocks until the
// socket has taken all of p. It fails if the client takes no byte for stallTimeout. After an error the connection is
// unusable.
func (c *clientConn) write(p []byte, writer *transfer) (n int, whole bool, err error) {
	if c.direct.ok() || c.tls != nil {
		return c.tryWrite(p, writer)
	}
	socket := c.socket()
	if !socket.ok() {
		return len(p), true, c.writeBlocking(p)
	}
	for n < len(p) && socket.writable() {
		piece := p[n:min(n+wrappedPiece, len(p))]
		if err := c.writeBlocking(piece); err != nil {
			return n, false, err
		}
		n += len(piece)
	}
	return n, n == len(p), nil
}

// flush writes what a write has left. It reports whether the kernel has taken everything.
func (c *clientConn) flush() (whole bool, err error) {
	if c.tls == nil {
		return true, nil
	}
	return c.tls.flush()
}

// flushed reports whether a write has left nothing.
func (c *clientConn) flushed() bool { return c.tls == nil || c.tls.flushed() }

// writeBlocking writes p. It blocks until the kernel has taken all of it.
func (c *clientConn) writeBlocking(p []byte) error {
	for len(p) > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
			return err
		}
		n, err := c.Write(p)
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
		p = p[n:]
	}
	return nil
}

// waitWritable waits until the socket takes more bytes. It fails if the connection is closed, or if the client's
// kernel acknowledges no byte for stallTimeout. The socket takes more only once a third of its buffer is free, for
// which a slow client may need longer. It waits by once, which fails after stallTimeout.
func (c *clientConn) waitWritable(once func() error) error {
	for {
		before := unackedBytes(c.socket())
		err := once()
		if !errors.Is(err, os.ErrDeadlineExceeded) || unackedBytes(c.socket()) == before {
			return err
		}
	}
}

// waitOnce waits until the socket takes more bytes, at most for stallTimeout. On a connection without net.Conn it takes
// a second descriptor meanwhile.
func (c *clientConn) waitOnce() error {
	if c.direct.ok() || c.tls != nil {
		return c.socket().waitWritable()
	}
	if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return err
	}
	return c.socket().waitWritable()
}

// pollable reports whether the relay can find out that the socket is full. It can on Linux only.
func (c *clientConn) pollable() bool { return c.socket().ok() }

// socket returns the descriptor of the TCP connection below all layers.
func (c *clientConn) socket() descriptor {
	if c.direct.ok() {
		return c.direct
	}
	if c.tls != nil {
		return c.tls.socket
	}
	if tcp := tcpConn(c.Conn); tcp != nil {
		return newDescriptor(tcp)
	}
	return descriptor{}
}

// allAcked reports whether the client's kernel has acknowledged everything that was written. It is false if that is
// unknown, as under TLS.
func (c *clientConn) allAcked() bool {
	if c.direct.ok() {
		return !unacked(c.direct)
	}
	_, ok := c.Conn.(tcpSocket)
	return ok && !unacked(newDescriptor(c.Conn))
}

// abort closes the connection and drops what the client has not acknowledged, which the kernel would keep for
// minutes. It does not block, so it omits the close alert of TLS.
func (c *clientConn) abort() {
	switch tcp := tcpConn(c.Conn); {
	case c.direct.ok():
		c.direct.close(true)
	case c.tls != nil:
		c.tls.close(true)
	case tcp == nil:
		c.Close()
	default:
		tcp.SetLinger(0)
		tcp.Close()
	}
}

// closeBlocks reports whether Close may block on the client: TLS sends a close alert (RFC 8446 §6.1).
func (c *clientConn) closeBlocks() bool {
	_, secure := c.Conn.(*tls.Conn)
	return secure && c.tls == nil
}

// tcpSocket is a TCP connection itself, such as *net.TCPConn.
type tcpSocket interface {
	net.Conn
	syscall.Conn
	SetLinger(seconds int) error
}

// tcpConn returns the TCP connection below conn, which may be wrapped by TLS and the PROXY protocol, or nil.
func tcpConn(conn net.Conn) tcpSocket {
	switch conn := conn.(type) {
	case tcpSocket:
		return conn
	case transparent:
		return tcpConn(conn.Transparent())
	case interface{ NetConn() net.Conn }:
		return tcpConn(conn.NetConn())
	case interface{ Raw() net.Conn }:
		return tcpConn(conn.Raw())
	default:
		return nil
	}
}
