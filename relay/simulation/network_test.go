package simulation

import (
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// socketBuffer is the number of bytes that a connection holds for a client that does not read.
const socketBuffer = 16 << 10

// connection is a connection in memory. It is the relay's end as a net.Conn; the client's end never blocks.
type connection struct {
	in, out     *pipe // from and to the client
	read, write *deadline
	remote      net.Addr
}

// Read implements net.Conn.
func (c *connection) Read(p []byte) (int, error) { return c.in.read(p, c.read) }

// Write implements net.Conn.
func (c *connection) Write(p []byte) (int, error) { return c.out.write(p, c.write) }

// Close implements net.Conn. The client still gets the bytes in the buffer.
func (c *connection) Close() error {
	c.in.close(net.ErrClosed, true)
	c.out.close(io.EOF, false)
	return nil
}

// LocalAddr implements net.Conn.
func (c *connection) LocalAddr() net.Addr { return listenAddress }

// RemoteAddr implements net.Conn.
func (c *connection) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *connection) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *connection) SetWriteDeadline(t time.Time) error {
	c.write.set(t)
	return nil
}

// send sends bytes of the client. It reports false if the relay's end is closed.
func (c *connection) send(text string) bool {
	_, err := c.in.write([]byte(text), newDeadline())
	return err == nil
}

// hangUp closes the client's end. The bytes that it has sent arrive.
func (c *connection) hangUp() {
	c.in.close(io.EOF, false)
	c.out.close(syscall.EPIPE, true)
}

// cut breaks the connection. Bytes to the client that are in the buffer arrive, unless drop is set.
func (c *connection) cut(drop bool) {
	c.in.close(syscall.ECONNRESET, true)
	c.out.close(syscall.ECONNRESET, drop)
}

// listenAddress is the relay's address.
var listenAddress = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8080}

// network is the listener of one process, with all its connections.
type network struct {
	mu      sync.Mutex
	backlog []*connection // guarded by mu
	all     []*connection // guarded by mu
	closed  bool          // guarded by mu
	changed chan struct{} // guarded by mu
}

func newNetwork() *network { return &network{changed: make(chan struct{}, 1)} }

// dial connects a client. It returns nil if the listener is closed.
func (n *network) dial(host byte) *connection {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	c := &connection{newPipe(0), newPipe(socketBuffer), newDeadline(), newDeadline(),
		&net.TCPAddr{IP: net.IPv4(203, 0, 113, host), Port: 1024 + len(n.all)}}
	n.backlog, n.all = append(n.backlog, c), append(n.all, c)
	n.signal()
	return c
}

func (n *network) signal() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// Accept implements net.Listener.
func (n *network) Accept() (net.Conn, error) {
	for {
		n.mu.Lock()
		if n.closed {
			n.mu.Unlock()
			return nil, net.ErrClosed
		}
		if len(n.backlog) > 0 {
			c := n.backlog[0]
			n.backlog = n.backlog[1:]
			n.mu.Unlock()
			return c, nil
		}
		n.mu.Unlock()
		<-n.changed
	}
}

// Close implements net.Listener. Connections that were not accepted are reset.
func (n *network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, c := range n.backlog {
		c.cut(true)
	}
	n.signal()
	return nil
}

// Addr implements net.Listener.
func (n *network) Addr() net.Addr { return listenAddress }

// cutAll breaks all connections at once.
func (n *network) cutAll(drop bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.all {
		c.cut(drop)
	}
}
