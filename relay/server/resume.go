package server

import (
	"context"
	"time"

	"wpre-relay/relay/fanout"
	"wpre-relay/relay/listener"
	"wpre-relay/schema"
)

// mirrorTimeout is how long a client waits for records that it has and this relay does not have yet. It is longer
// than the time to detect a lost broker, which is 6.5 s with RabbitMQ and 4 s with others.
const mirrorTimeout = 8 * time.Second

// resume decides where the client begins: after the position that it asks for, else where a lost connection of its
// browser ended, else at the head of the log. In the last case, it also gets the catch-up events.
func (c *connection) resume(req request, config *fanout.ClientConfig) *rejection {
	s := c.server
	position, found, rejected := s.requestedPosition(req.r, config.View)
	if rejected != nil {
		return rejected
	}
	if config.Format == fanout.Acked {
		c.session = s.sessions.open(req.r)
		if at, ok := c.sessionPosition(); ok {
			position, found = at, true
		}
	}
	if !found {
		position = s.log.Head()
		config.Replay, c.visitor = s.catchUp.eventsFor(req.r)
	}
	if rejected := s.waitFor(req.r.Context(), position); rejected != nil {
		return rejected
	}
	config.Position, config.Gap = s.resolve(position, config.View)
	config.SendPosition = req.r.URL.Query().Get("since") == sinceNow
	return nil
}

// sessionPosition returns the position at which the client's session resumes. A browser with a cookie but without a
// lost connection resumes before the catch-up events: the previous process was killed, and its sessions were lost.
func (c *connection) sessionPosition() (_ schema.Position, ok bool) {
	s := c.server
	switch {
	case c.session.resumed != nil:
		return schema.Position{Epoch: s.log.Epoch(), Seq: c.session.resumed.lastDelivered}, true
	case !c.session.isNew && s.catchUp.isActive():
		return s.catchUp.after, true
	default:
		return schema.Position{}, false
	}
}

// waitFor waits until the log has reached a position that another relay with the same log has given to the client. It
// rejects the client if the broker cannot be reached. A position that the log does not reach otherwise is invalid,
// and left to resolve.
func (s *Server) waitFor(ctx context.Context, position schema.Position) *rejection {
	if s.opts.BrokerUnreachable == nil || position.Epoch != s.log.Epoch() {
		return nil
	}
	timeout := time.NewTimer(mirrorTimeout)
	defer timeout.Stop()
	behind := &rejection{reasonBehind, "this relay is catching up; retry or use another relay"}
	for {
		head := s.log.Head().Seq
		if head >= position.Seq {
			return nil
		}
		_, _, grown, err := s.log.ReadMemory(nil, head, 1)
		if err != nil {
			continue // the log has grown past the memory since
		}
		listener.MayBlock(ctx)
		select {
		case <-grown:
		case <-timeout.C:
			if s.opts.BrokerUnreachable() {
				return behind
			}
			return nil
		case <-ctx.Done():
			return behind
		}
	}
}
