package check

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// patientConn is a client's connection that reads nothing before it has written. A server that cannot read what a proxy
// has sent responds before the request, and the HTTP client would drop that response.
type patientConn struct {
	net.Conn
	written chan struct{} // closed by the first Write, or by Close
	once    sync.Once
}

func (c *patientConn) Read(p []byte) (int, error) {
	<-c.written
	return c.Conn.Read(p)
}

func (c *patientConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.once.Do(func() { close(c.written) })
	return n, err
}

func (c *patientConn) Close() error {
	c.once.Do(func() { close(c.written) })
	return c.Conn.Close()
}

// patientTransport returns an HTTP transport with such connections.
func patientTransport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &patientConn{Conn: conn, written: make(chan struct{})}, nil
		},
	}
}
