package fanout_test

import (
	"net/http"
	"net/http/httptest"

	"wpre-relay/relay/fanout/fanouttest"
)

// divertServer starts a server with TLS whose connections the package can read and write without blocking.
func divertServer(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Listener = fanouttest.DivertListener{Listener: server.Listener}
	server.StartTLS()
	return server
}
