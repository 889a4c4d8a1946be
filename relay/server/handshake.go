package server

import (
	"net/http"

	"wpre-relay/relay/fanout"
	"wpre-relay/relay/security/clientaddr"
)

// serveWebSocket upgrades the request to a WebSocket.
func (s *Server) serveWebSocket(req request) {
	if err := s.opts.Origins.Check(req.r); err != nil {
		s.reject(req, &rejection{reasonOrigin, err.Error()})
		return
	}
	config := fanout.ClientConfig{Welcome: s.opts.Welcome}
	switch {
	case fanout.OffersSubprotocol(req.r, fanout.Subprotocol):
		config.Format = fanout.Enveloped
	case s.sessions != nil && !requestsPosition(req.r):
		config.Format = fanout.Acked
	}
	s.connect(req, config, s.clients.AcceptWebSocket)
}

// serveSSE answers the request with an SSE stream.
func (s *Server) serveSSE(req request) {
	s.connect(req, fanout.ClientConfig{Format: fanout.SSE}, s.clients.AcceptSSE)
}

// acceptFunc is the type of fanout's methods that start a client's connection. They call config.OnDisconnect exactly
// once if they return nil, and never if they return an error.
type acceptFunc func(http.ResponseWriter, *http.Request, fanout.ClientConfig) error

// connect makes the request a client, or rejects it. A request that does not become a client has no effect on the
// sessions and on the catch-up.
func (s *Server) connect(req request, config fanout.ClientConfig, accept acceptFunc) {
	config.Network, config.Site = clientaddr.NetworkOf(req.address), siteOf(req.r)
	release, rejected := s.admission.reserve(config.Network)
	if rejected != nil {
		s.reject(req, rejected)
		return
	}
	conn := &connection{server: s, release: release}
	if rejected := conn.prepare(req, &config); rejected != nil {
		conn.undo()
		s.reject(req, rejected)
		return
	}
	if conn.session != nil {
		req.w = conn.session.withCookie(req)
	}
	config.OnDisconnect = conn.disconnected
	if err := accept(req.w, req.r, config); err != nil {
		conn.undo()
		s.rejections.counts.add(reasonHandshake.String())
		s.opts.Logger.Debug("handshake failed", "remote", req.r.RemoteAddr, "error", err)
	}
}
