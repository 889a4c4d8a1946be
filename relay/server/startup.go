package server

import (
	"io"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// startupText is the response before the server is set.
const startupText = "the broker has not been reached yet; retry"

// StartupHandler is the public handler while the relay starts, and then passes requests to the server. The zero value
// works.
type StartupHandler struct {
	// Live returns why /livez fails, or nil. Its text is for operators and is not sent. Default: /livez never fails.
	Live func() error

	server atomic.Pointer[Server]
}

// SetServer passes all further requests to server.
func (h *StartupHandler) SetServer(server *Server) { h.server.Store(server) }

// Server returns the server, or nil before SetServer.
func (h *StartupHandler) Server() *Server { return h.server.Load() }

// DeliveryDue returns nil unless an event is due for connected clients, or is being sent to them. It then returns a
// channel that is closed once an event is sent.
func (h *StartupHandler) DeliveryDue() <-chan struct{} {
	server := h.server.Load()
	if server == nil {
		return nil
	}
	return server.clients.DeliveryDue()
}

// DropsConnection reports whether to close a new connection of this address without an answer: the address floods the
// relay, beyond Options.HandshakeRate. It counts the connection then.
func (h *StartupHandler) DropsConnection(peer netip.Addr) bool {
	server := h.server.Load()
	return server != nil && server.dropsConnection(peer)
}

// ServeHTTP implements http.Handler. Before SetServer, it answers /livez, and other requests with 503 and
// Retry-After. An event stream gets a temporary rejection, which pages of every origin may read: it is no secret.
func (h *StartupHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	server := h.server.Load()
	switch {
	case isLiveCheck(r) && h.Live != nil && h.Live() != nil:
		http.Error(w, "wpre-relay: a listener accepts no connections, see the log", http.StatusServiceUnavailable)
	case server != nil:
		server.ServeHTTP(w, r)
	case isLiveCheck(r):
		io.WriteString(w, "ok\n")
	case wantsEventStream(r):
		allowOrigin(w.Header(), r.Header.Get("Origin"))
		sendRejectedStream(w, http.StatusServiceUnavailable, "startup", startupText, time.Second)
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "wpre-relay: "+startupText, http.StatusServiceUnavailable)
	}
}
