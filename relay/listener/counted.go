package listener

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
)

// countedListener makes pendingConns count what its connections receive. It must be below TLS, whose handshake counts,
// too.
type countedListener struct{ net.Listener }

// Accept implements net.Listener.
func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if _, secure := conn.(*tls.Conn); err != nil || secure { // TLS.Wrap has a countedListener below
		return conn, err
	}
	return &countedConn{Conn: conn}, nil
}

// countedConn is a connection that reports the bytes that it receives while it is pending.
type countedConn struct {
	net.Conn
	pending atomic.Pointer[pendingConn] // nil: not reported
	divert  io.ReadWriter               // nil before Divert
}

// Read implements net.Conn.
func (c *countedConn) Read(p []byte) (int, error) {
	if c.divert != nil {
		return c.divert.Read(p)
	}
	n, err := c.Conn.Read(p)
	if pending := c.pending.Load(); pending != nil && n > 0 {
		pending.received(n, c.RemoteAddr())
	}
	return n, err
}

// Write implements net.Conn.
func (c *countedConn) Write(p []byte) (int, error) {
	if c.divert != nil {
		return c.divert.Write(p)
	}
	return c.Conn.Write(p)
}

// Divert makes Read and Write use rw from now on, so that a caller can read and write below TLS without blocking. No
// other goroutine may use the connection meanwhile.
func (c *countedConn) Divert(rw io.ReadWriter) { c.divert = rw }

// Transparent returns the connection below, which passes the same bytes. Once the connection is not pending, that can
// be used instead.
func (c *countedConn) Transparent() net.Conn { return c.Conn }

// counted returns the connection that counts for conn, or nil if there is none.
func counted(conn net.Conn) *countedConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, _ := conn.(*countedConn)
	return c
}
