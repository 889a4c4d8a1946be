// Package server is the public HTTP handler: routes, handshakes, resume, history, limits and sessions. It sends
// events from a log and does not know where they come from. It opens no sockets.
package server

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/throttle"
)

// Server is the public HTTP handler. Every path upgrades to a WebSocket. /events is an SSE stream, /history returns
// past events as JSON, and /client.js and /client.mjs are the browser client. Use New.
type Server struct {
	log            *eventlog.Reader
	opts           Options
	clients        *fanout.Clients
	admission      admission
	historyAnswers *budget.Budget // of maxHistoryAnswers
	views          *filter.Views
	catchUp        *catchUp
	sessions       *sessions // nil without ResumeFile
	rejections     rejections
	authThrottle   throttle.Throttle // for the log message about unknown errors of Authenticate
	closes         counter           // connections, by close code
	dropped        atomic.Uint64     // connections that dropsConnection reported
	dropThrottle   throttle.Throttle // for the log message about them
}

// New returns a server that sends the events of log. The records after sequence number startSeq are the catch-up
// events: the first ones of this process, which happened while no relay was running.
func New(log *eventlog.Reader, startSeq uint64, opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{
		log:  log,
		opts: opts,
		clients: fanout.New(log, fanout.Options{
			PeerMessages: opts.PeerMessages,
			MessageRate:  opts.MessageRate,
			Buffers:      opts.Buffers,
			OnDelivered:  opts.OnDelivered,
			Logger:       opts.Logger,
		}),
		admission: admission{
			maxClients: opts.MaxClients,
			maxPerIP:   opts.MaxClientsPerIP,
			maxRate:    rate.Limit(opts.HandshakeRate),
		},
		historyAnswers: budget.New(maxHistoryAnswers),
		views:          filter.NewViews(opts.Filter, opts.BrokerUnreachable != nil, opts.Logger),
		catchUp:        newCatchUp(log, startSeq, opts.CatchUp),
		rejections:     rejections{logger: opts.Logger},
	}
	if opts.ResumeFile != "" {
		s.sessions = loadSessions(opts.FS, opts.ResumeFile, log.Epoch(), opts.Logger)
	}
	return s
}

// Log returns the log whose events the server sends.
func (s *Server) Log() *eventlog.Reader { return s.log }

// Run serves the clients that ServeHTTP accepts, until ctx ends.
func (s *Server) Run(ctx context.Context) { s.clients.Run(ctx) }

// Drain closes all clients, spread over the given time, and waits until they are gone. Then it saves the sessions for
// the next process. The caller must have closed the listeners.
func (s *Server) Drain(reason fanout.CloseReason, over time.Duration) {
	s.clients.Drain(reason, over)
	if s.sessions == nil {
		return
	}
	if err := s.sessions.save(s.log.Epoch()); err != nil {
		s.opts.Logger.Error("session save failed, returning browsers may miss events", "error", err)
	}
}
