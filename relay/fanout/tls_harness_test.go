package fanout_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
)

// divertServer starts a server with TLS whose connections the package can read and write without blocking.
func divertServer(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Listener = divertListener{server.Listener}
	server.StartTLS()
	return server
}

// divertListener accepts connections as package listener does below TLS.
type divertListener struct{ net.Listener }

// Accept implements net.Listener.
func (l divertListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &divertConn{Conn: conn, rw: conn}, nil
}

// divertConn is a connection whose reader and writer can be replaced.
type divertConn struct {
	net.Conn
	rw io.ReadWriter
}

func (c *divertConn) Divert(rw io.ReadWriter)     { c.rw = rw }
func (c *divertConn) Transparent() net.Conn       { return c.Conn }
func (c *divertConn) Read(p []byte) (int, error)  { return c.rw.Read(p) }
func (c *divertConn) Write(p []byte) (int, error) { return c.rw.Write(p) }
