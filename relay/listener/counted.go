package listener

import (
	"crypto/tls"
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
}

// Read implements net.Conn.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if pending := c.pending.Load(); pending != nil && n > 0 {
		pending.received(n, c.RemoteAddr())
	}
	return n, err
}

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
