package fanouttest

import (
	"io"
	"net"
)

// DivertListener accepts a DivertConn for each connection.
type DivertListener struct{ net.Listener }

// Accept implements net.Listener.
func (l DivertListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return NewDivertConn(conn), nil
}

// DivertConn is a connection whose reader and writer can be replaced, like the connections below TLS of package
// listener.
type DivertConn struct {
	net.Conn
	rw io.ReadWriter
}

// NewDivertConn returns a connection that passes everything to conn.
func NewDivertConn(conn net.Conn) *DivertConn { return &DivertConn{Conn: conn, rw: conn} }

// Divert replaces the reader and the writer.
func (c *DivertConn) Divert(rw io.ReadWriter) { c.rw = rw }

// Transparent returns the connection below.
func (c *DivertConn) Transparent() net.Conn { return c.Conn }

// Read implements net.Conn.
func (c *DivertConn) Read(p []byte) (int, error) { return c.rw.Read(p) }

// Write implements net.Conn.
func (c *DivertConn) Write(p []byte) (int, error) { return c.rw.Write(p) }
