package server

import (
	"io"
	"net/http"
	"sync/atomic"
)

// StartupHandler is the public handler before there is a server, and then that server. The zero value works.
type StartupHandler struct{ server atomic.Pointer[Server] }

// Open lets everybody through to a server.
func (e *StartupHandler) Open(server *Server) { e.server.Store(server) }

// Server returns the server, nil before Open.
func (e *StartupHandler) Server() *Server { return e.server.Load() }

// ServeHTTP is the server's. Before Open everybody is asked to come again, but /livez is answered.
func (e *StartupHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	server := e.server.Load()
	switch {
	case server != nil:
		server.ServeHTTP(w, r)
	case asksLive(r):
		io.WriteString(w, "ok\n")
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "wpre-relay: the broker has not been reached yet", http.StatusServiceUnavailable)
	}
}
