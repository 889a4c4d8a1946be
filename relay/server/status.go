package server

import "wpre-relay/relay/budget"

// Status is the current state of a server. The counts of messages, rejections, drops and closes only grow.
type Status struct {
	Clients      int               `json:"clients"`
	EventStreams int               `json:"event_streams"` // clients that use SSE
	MessagesSent uint64            `json:"messages_sent"`
	Buffers      budget.Status     `json:"buffers"`         // bytes held for clients that read slowly
	History      int               `json:"history_answers"` // answers of /history in progress
	Rejected     map[string]uint64 `json:"rejected"`        // by label of RejectionReasons

	// Dropped is the number of connections that were closed without an answer, because of Options.HandshakeRate.
	Dropped uint64 `json:"dropped"`

	// Closed is by close code (RFC 6455 §7.4): "none" for SSE, "other" for unregistered codes.
	Closed map[string]uint64 `json:"closed"`
}

// Clients returns the number of clients.
func (s *Server) Clients() int { return s.clients.Len() }

// Deliver writes new events to the clients on the caller's goroutine (see fanout.Clients.Deliver).
func (s *Server) Deliver() { s.clients.Deliver() }

// DeliverSoon writes new events to the clients on other goroutines (see fanout.Clients.DeliverSoon).
func (s *Server) DeliverSoon() { s.clients.DeliverSoon() }

// Status returns the current state.
func (s *Server) Status() Status {
	return Status{
		Clients:      s.clients.Len(),
		EventStreams: s.clients.SSEClients(),
		MessagesSent: s.clients.Sent(),
		Buffers:      s.opts.Buffers.Status(),
		History:      s.historyAnswers.Status().Used,
		Rejected:     s.rejections.counts.all(),
		Dropped:      s.dropped.Load(),
		Closed:       s.closes.all(),
	}
}
