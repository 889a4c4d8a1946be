package fanout_test

import (
	"net"
	"net/http"
	"net/http/httptest"

	"wpre-relay/relay/fanout/fanouttest"
)

// smallListener gives its connections a small send buffer, so that clients lag soon.
type smallListener struct{ net.Listener }

func (l smallListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		conn.(*net.TCPConn).SetWriteBuffer(randomSocket)
	}
	return conn, err
}

// smallServer starts a server whose connections have a small send buffer.
func smallServer(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Listener = smallListener{server.Listener}
	server.Start()
	return server
}

// smallTLSServer is smallServer with the TLS of divertServer.
func smallTLSServer(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Listener = fanouttest.DivertListener{Listener: smallListener{server.Listener}}
	server.StartTLS()
	return server
}
