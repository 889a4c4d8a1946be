// Package server is the public HTTP handler: routes, handshakes, resuming, history, limits and sessions. It serves events
// from a log; what is an event, and which sockets there are, it does not know.
package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"wpre-relay/relay/client"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/listener"
	"wpre-relay/relay/security/access"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/security/origin"
)

// Options for New. The zero value works.
type Options struct {
	// Origins says which pages may connect. Default: those of the same host name.
	Origins origin.Policy

	// Authenticate returns the identity of the client that sent the request from the given address. An error that is not
	// an *access.Rejection counts as access.Unavailable. Default: every client is the public.
	Authenticate func(r *http.Request, address string) (access.Identity, error)

	// Filter says who may see which events. Default: everybody all.
	Filter *filter.Filter

	// Behind is set if the log is a mirror, which may have records that hold no event, and be behind those of other
	// relays. It reports whether that is likely now, for the mirror cannot be kept equal. Default: nil, it is no mirror.
	Behind func() bool

	// Proxies are those that are believed when they say for which address they speak. Default: none.
	Proxies clientaddr.Policy

	// HandshakeRate bounds the requests from one address (from one /64 in IPv6), a second; ten seconds' worth may come
	// at once. Behind a proxy that is not among Proxies all may have the same. Default: no limit.
	HandshakeRate int

	// MessageRate bounds what a client sends, in frames a second; one beyond it is closed with 1008. Default: that of
	// fanout.Options.
	MessageRate int

	// MaxClients bounds the clients. Default, and most: what the limit of open files leaves for them.
	MaxClients int

	// MaxClientsPerIP bounds the clients of one address (of one /64 in IPv6). Behind a proxy all may have the same.
	// Default: no limit.
	MaxClientsPerIP int

	// CatchUp is for how long after New a client that connects first gets the events that were found at the
	// start: its page lost the connection to the relay before this one, and comes back without a position.
	// Default 0: never.
	CatchUp time.Duration

	// ResumeFile is where a graceful restart keeps what browsers had been sent. With it, plain clients get a cookie on
	// the upgrade, and one that comes back gets what came meanwhile. Default "": no cookie.
	ResumeFile string

	// Welcome is a text that every client gets first. Default: none. The plugin's page logs an error for a text
	// that is not JSON.
	Welcome string

	// PeerMessages passes each client's messages on to the others. Default: they are dropped.
	PeerMessages bool

	// Said is told what clients say, and who does, if that is known: the sub of its token. Without PeerMessages, only
	// of those whose token says "forward": true. It must not wait. Default: nobody is told.
	Said func(client, text string)

	// Delivered is told how long after it was written an event was given to the last client that was caught up; see
	// fanout.Options. Default: nobody is told.
	Delivered func(time.Duration)

	// Logger gets refusals, and at debug level clients. Default: slog.Default().
	Logger *slog.Logger
}

// Server is the public HTTP handler: every path upgrades to a WebSocket; /events is an event stream, /history is the
// past as JSON, /client.js and /client.mjs are a client for browsers. Use New.
type Server struct {
	log       *eventlog.Reader
	opts      Options
	clients   *fanout.Clients
	admission admission
	views     *filter.Views
	found     *found
	returns   *returns // nil without ResumeFile
	refusals  refusals
	closes    counts // of connections, by close code
}

// New returns a server of log. The records after number found are those that were found at the start.
func New(log *eventlog.Reader, found uint64, opts Options) *Server {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Authenticate == nil {
		opts.Authenticate = access.New(access.Options{}).Authenticate
	}
	if limit := listener.MaxClients(); limit > 0 && (opts.MaxClients == 0 || limit < opts.MaxClients) {
		opts.MaxClients = limit
	}
	s := &Server{
		log:       log,
		opts:      opts,
		clients:   fanout.New(log, fanout.Options{PeerMessages: opts.PeerMessages, MessageRate: opts.MessageRate, OnDelivered: opts.Delivered, Logger: opts.Logger}),
		admission: admission{maxClients: opts.MaxClients, maxPerIP: opts.MaxClientsPerIP, maxRate: rate.Limit(opts.HandshakeRate)},
		views:     filter.NewViews(opts.Filter, opts.Behind != nil, opts.Logger),
		found:     newFound(log, found, opts.CatchUp),
		refusals:  refusals{logger: opts.Logger},
	}
	if opts.ResumeFile != "" {
		s.returns = loadReturns(opts.ResumeFile, log.Head(), opts.Logger)
	}
	return s
}

// Log returns the log that clients are served from.
func (s *Server) Log() *eventlog.Reader { return s.log }

// Run serves the clients that ServeHTTP accepts, until ctx ends.
func (s *Server) Run(ctx context.Context) { s.clients.Run(ctx) }

// Drain closes all clients with code and reason, spread over at most the given time, waits until they are gone, and
// notes for the next start what they had been sent. The listeners must be closed.
func (s *Server) Drain(code websocket.StatusCode, reason string, over time.Duration) {
	s.clients.Drain(fanout.CloseReason{Code: code, Text: reason}, over)
	if s.returns == nil {
		return
	}
	if err := s.returns.save(s.log.Epoch()); err != nil {
		s.opts.Logger.Error("what browsers had been sent is not kept; they may miss what happens until they are back", "error", err)
	}
}

// ServeHTTP upgrades WebSocket handshakes on any path, and serves the paths that Server names and /livez, which says
// that the process serves. Anything else gets 426 with a line that helps.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := visit{w, r, s.opts.Proxies.Client(r)}
	if asksLive(r) { // also in a flood
		io.WriteString(w, "ok\n")
		return
	}
	if s.admission.hasty(v.address) {
		w.Header().Set("Retry-After", "10")
		s.reject(v, http.StatusTooManyRequests, "rate", "more requests come from this address than --handshake-rate allows")
		return
	}
	if wantsUpgrade(r) {
		s.upgrade(v)
		return
	}
	switch path.Base(r.URL.Path) { // a proxy may leave its own prefix
	case "events":
		s.get(v, s.stream)
	case "history":
		s.get(v, s.history)
	case "client.js":
		client.ServeScript(w, r)
	case "client.mjs":
		client.ServeModule(w, r)
	default:
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, notAWebSocket(r), http.StatusUpgradeRequired)
	}
}

// asksLive reports whether a request asks if the process serves.
func asksLive(r *http.Request) bool { return path.Base(r.URL.Path) == "livez" && !wantsUpgrade(r) }

// Status says how a server stands. The counts of refusals, closes and messages only grow.
type Status struct {
	Clients      int               `json:"clients"`
	EventStreams int               `json:"event_streams"` // of the clients
	MessagesSent uint64            `json:"messages_sent"`
	Rejected     map[string]uint64 `json:"rejected"` // by reason
	Closed       map[string]uint64 `json:"closed"`   // by close code (RFC 6455 §7.4); "none" for event streams
}

// Status returns how the server stands now.
func (s *Server) Status() Status {
	return Status{
		Clients:      s.clients.Len(),
		EventStreams: s.clients.SSEClients(),
		MessagesSent: s.clients.Sent(),
		Rejected:     s.refusals.all(),
		Closed:       s.closes.all(),
	}
}
