package server

import (
	"errors"

	"wpre-relay/relay/fanout"
	"wpre-relay/relay/security/access"
)

// identity is a client's identity and its view of the log.
type identity struct {
	access.Identity
	view fanout.View // nil: every event
}

// authenticate returns the identity of the client and the view that it asks for.
func (s *Server) authenticate(req request) (identity, *rejection) {
	types, err := parseTypes(req.r.URL.Query())
	if err != nil {
		return identity{}, &rejection{reasonTypes, err.Error()}
	}
	id, err := s.opts.Authenticate(req.r, req.address.String())
	if err != nil {
		return identity{}, s.authRejection(err)
	}
	if view := s.views.For(id.Viewer, types); view != nil {
		return identity{id, view}, nil
	}
	return identity{Identity: id}, nil
}

// authRejection returns the rejection for an error of Options.Authenticate. An unknown error rejects the client, too.
func (s *Server) authRejection(err error) *rejection {
	rejected, ok := errors.AsType[*access.Rejection](err)
	if !ok {
		if n, due := s.authThrottle.Count(); due {
			s.opts.Logger.Error("authentication failed, rejecting clients", "error", err, "times", n)
		}
		return &rejection{reasonAuthUnavailable, "the client cannot be authenticated now; retry"}
	}
	switch rejected.Reason {
	case access.InvalidToken:
		return &rejection{reasonToken, rejected.Text}
	case access.UnknownClient:
		return &rejection{reasonUnknownClient, rejected.Text}
	case access.Forbidden:
		return &rejection{reasonForbidden, rejected.Text}
	default:
		return &rejection{reasonAuthUnavailable, rejected.Text}
	}
}

// onMessage returns the callback for messages from a client with this identity, or nil if messages are dropped.
func (s *Server) onMessage(id identity) func([]byte) {
	claims := id.Viewer.Claims
	if s.opts.OnMessage == nil || !s.opts.PeerMessages && claims["forward"] != true {
		return nil
	}
	client, _ := claims["sub"].(string)
	return func(text []byte) { s.opts.OnMessage(client, string(text)) }
}
