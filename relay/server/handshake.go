package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"wpre-relay/relay/fanout"
	"wpre-relay/relay/security/access"
	"wpre-relay/relay/security/filter"
)

// visit is a request to be answered.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	address netip.Addr // of who makes it; not valid if that is not known
}

// upgrade makes a WebSocket of the request.
func (s *Server) upgrade(v visit) {
	if err := s.opts.Origins.Check(v.r); err != nil {
		s.reject(v, http.StatusForbidden, "origin", err.Error())
		return
	}
	entry := fanout.ClientConfig{Welcome: s.opts.Welcome}
	switch {
	case fanout.OffersSubprotocol(v.r, fanout.Subprotocol):
		entry.Format = fanout.Enveloped
	case s.returns != nil && !knowsItsPlace(v.r):
		entry.Format = fanout.Acked
	}
	s.accept(v, entry, s.clients.AcceptWebSocket)
}

// stream answers the request with an event stream.
func (s *Server) stream(v visit) {
	s.accept(v, fanout.ClientConfig{Format: fanout.SSE}, s.clients.AcceptSSE)
}

// accept lets the client in, if there is a place for it and it may, at the place that it asks for.
func (s *Server) accept(v visit, entry fanout.ClientConfig, accept func(http.ResponseWriter, *http.Request, fanout.ClientConfig) error) {
	leave, refusal := s.admission.admit(v.address)
	switch refusal {
	case "max_clients":
		v.w.Header().Set("Retry-After", "5")
		s.reject(v, http.StatusServiceUnavailable, refusal, "as many clients as --max-clients or the limit of open files allows are connected")
		return
	case "max_clients_per_ip":
		v.w.Header().Set("Retry-After", "5")
		s.reject(v, http.StatusTooManyRequests, refusal, "as many clients as --max-clients-per-ip allows are connected from this address")
		return
	}
	entry.OnDisconnect = func(end fanout.Disconnect) {
		leave()
		s.closes.add(end.CodeLabel())
	}
	identity, ok := s.identify(v)
	if !ok {
		leave()
		return
	}
	entry.View, entry.Expires, entry.Subprotocol = identity.view, identity.Expires, identity.Subprotocol
	entry.OnMessage = s.said(identity)
	if err := s.begin(v, &entry); err != nil {
		leave()
		s.rejectPosition(v, err)
		return
	}
	if err := accept(v.w, v.r, entry); err != nil {
		leave()
		s.refusals.add("handshake")
		s.opts.Logger.Debug("handshake failed", "remote", v.r.RemoteAddr, "error", err)
	}
}

// said returns what is told what the client says, nil if nobody is to be.
func (s *Server) said(by identity) func([]byte) {
	claims := by.Viewer.Claims
	if s.opts.Said == nil || !s.opts.PeerMessages && claims["forward"] != true {
		return nil
	}
	client, _ := claims["sub"].(string)
	return func(text []byte) { s.opts.Said(client, string(text)) }
}

// identity is who a client is and what it sees.
type identity struct {
	access.Identity
	view fanout.View // nil: everything
}

// identify finds out who the client is and what it is to see. If it is not admitted it is told.
func (s *Server) identify(v visit) (identity, bool) {
	types, err := parseTypes(v.r.URL.Query())
	if err != nil {
		s.reject(v, http.StatusBadRequest, "types", err.Error())
		return identity{}, false
	}
	known, err := s.opts.Authenticate(v.r, v.address.String())
	if err != nil {
		s.rejectUnauthenticated(v, err)
		return identity{}, false
	}
	return identity{known, s.viewOf(known.Viewer, types)}, true
}

// rejectUnauthenticated rejects a client for an error of Authenticate, also for an unknown one.
func (s *Server) rejectUnauthenticated(v visit, err error) {
	rejection, ok := errors.AsType[*access.Rejection](err)
	if !ok {
		s.opts.Logger.Error("authentication failed", "error", err)
		rejection = &access.Rejection{Reason: access.Unavailable, Text: "authentication failed; retry"}
	}
	switch rejection.Reason {
	case access.InvalidToken:
		v.w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750 §3
		s.reject(v, http.StatusUnauthorized, "token", rejection.Text)
	case access.UnknownClient:
		v.w.Header().Set("WWW-Authenticate", "Bearer")
		s.reject(v, http.StatusUnauthorized, "auth", rejection.Text)
	case access.Forbidden:
		s.reject(v, http.StatusForbidden, "auth", rejection.Text)
	default:
		v.w.Header().Set("Retry-After", "5")
		s.reject(v, http.StatusServiceUnavailable, "auth_unavailable", rejection.Text)
	}
}

// rejectPosition tells a client that it cannot have what comes after the position that it asks for.
func (s *Server) rejectPosition(v visit, err error) {
	if errors.Is(err, errBehind) {
		v.w.Header().Set("Retry-After", "1")
		s.reject(v, http.StatusServiceUnavailable, "behind", err.Error())
		return
	}
	s.reject(v, http.StatusBadRequest, "position", err.Error())
}

// reject answers a request that is not to be. The text must hold nothing secret.
func (s *Server) reject(v visit, status int, reason, text string) {
	s.refusals.note(reason, "status", status, "reason", text, "remote", v.r.RemoteAddr, "client", v.address)
	http.Error(v.w, fmt.Sprintf("wpre-relay: %s", text), status)
}

func wantsUpgrade(r *http.Request) bool {
	for _, value := range r.Header.Values("Upgrade") {
		for token := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "websocket") {
				return true
			}
		}
	}
	return false
}

func notAWebSocket(r *http.Request) string {
	if r.Header.Get("Sec-WebSocket-Key") != "" {
		return "wpre-relay: this handshake has lost its Upgrade header; a proxy in front must pass Upgrade and Connection on"
	}
	return "wpre-relay: events come over WebSocket, at ws://" + r.Host + "/, or as an event stream, at http://" + r.Host + "/events"
}

// viewOf returns the view of a viewer that asks for these types, nil if it sees every event.
func (s *Server) viewOf(viewer filter.Viewer, types []string) fanout.View {
	if view := s.views.For(viewer, types); view != nil {
		return view
	}
	return nil
}
