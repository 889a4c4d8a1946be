package relay

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/browser"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/origin"
)

// ServerOptions for NewServer. The zero value works.
type ServerOptions struct {
	// Origins says which pages may connect. Default: those of the same host name.
	Origins origin.Policy

	// MaxClients bounds the clients. Default, and most: what the limit of open files leaves for them.
	MaxClients int

	// MaxClientsPerIP bounds the clients of one address (of one /64 in IPv6). Behind a proxy all may have the same.
	// Default: no limit.
	MaxClientsPerIP int

	// CatchUp is for how long after NewServer a client that connects first gets the events that were found at the
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

	// Logger gets refusals, and at debug level clients. Default: slog.Default().
	Logger *slog.Logger
}

// Server is the public HTTP handler: every path upgrades to a WebSocket; /events is an event stream, /history is the
// past as JSON, /client.js and /client.mjs are a client for browsers. Use NewServer.
type Server struct {
	log       *eventlog.Log
	opts      ServerOptions
	clients   *fanout.Clients
	admission admission
	found     *found
	returns   *returns // nil without ResumeFile

	mu       sync.Mutex
	rejected map[string]uint64 // by reason; guarded by mu
}

// NewServer returns a server of log. The records after number found are those that were found at the start.
func NewServer(log *eventlog.Log, found uint64, opts ServerOptions) *Server {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if n := maxDescriptors() - reservedDescriptors; n > 0 && (opts.MaxClients == 0 || n < opts.MaxClients) {
		opts.MaxClients = n
	}
	s := &Server{
		log:       log,
		opts:      opts,
		clients:   fanout.New(log, fanout.Options{PeerMessages: opts.PeerMessages, Logger: opts.Logger}),
		admission: admission{maxClients: opts.MaxClients, maxPerIP: opts.MaxClientsPerIP},
		found:     newFound(log, found, opts.CatchUp),
		rejected:  make(map[string]uint64),
	}
	if opts.ResumeFile != "" {
		s.returns = loadReturns(opts.ResumeFile, log.Head(), opts.Logger)
	}
	return s
}

// Run serves the clients that ServeHTTP accepts, until ctx ends.
func (s *Server) Run(ctx context.Context) { s.clients.Run(ctx) }

// Drain closes all clients with code and reason, spread over at most the given time, waits until they are gone, and
// notes for the next start what they had been sent. The listeners must be closed.
func (s *Server) Drain(code websocket.StatusCode, reason string, over time.Duration) {
	s.clients.Drain(code, reason, over)
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
	if wantsUpgrade(r) {
		s.upgrade(w, r)
		return
	}
	switch path.Base(r.URL.Path) { // a proxy may leave its own prefix
	case "events":
		s.get(w, r, s.stream)
	case "history":
		s.get(w, r, s.history)
	case "client.js":
		browser.ServeScript(w, r)
	case "client.mjs":
		browser.ServeModule(w, r)
	case "livez":
		io.WriteString(w, "ok\n")
	default:
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, notAWebSocket(r), http.StatusUpgradeRequired)
	}
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

// upgrade makes a WebSocket of the request.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	if err := s.opts.Origins.Check(r); err != nil {
		s.reject(w, r, http.StatusForbidden, "origin", err.Error())
		return
	}
	entry := fanout.Entry{Greeting: s.opts.Welcome}
	switch {
	case fanout.Offers(r, fanout.Subprotocol):
		entry.Format = fanout.Enveloped
	case s.returns != nil && !knowsItsPlace(r):
		entry.Format = fanout.Confirmed
	}
	s.accept(w, r, entry, s.clients.AcceptWebSocket)
}

// stream answers the request with an event stream.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	s.accept(w, r, fanout.Entry{Format: fanout.EventStream}, s.clients.AcceptEventStream)
}

// accept lets the client in, if there is a place for it, at the place that it asks for.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, entry fanout.Entry, accept func(http.ResponseWriter, *http.Request, fanout.Entry) error) {
	leave, refusal := s.admission.admit(r.RemoteAddr)
	switch refusal {
	case "max_clients":
		w.Header().Set("Retry-After", "5")
		s.reject(w, r, http.StatusServiceUnavailable, refusal, "as many clients as --max-clients or the limit of open files allows are connected")
		return
	case "max_clients_per_ip":
		w.Header().Set("Retry-After", "5")
		s.reject(w, r, http.StatusTooManyRequests, refusal, "as many clients as --max-clients-per-ip allows are connected from this address")
		return
	}
	entry.Left = func(fanout.End) { leave() }
	if err := s.begin(w, r, &entry); err != nil {
		leave()
		s.reject(w, r, http.StatusBadRequest, "position", err.Error())
		return
	}
	if err := accept(w, r, entry); err != nil {
		s.count("handshake")
		s.opts.Logger.Debug("handshake failed", "remote", r.RemoteAddr, "error", err)
	}
}

// reject answers a handshake that is not to be.
func (s *Server) reject(w http.ResponseWriter, r *http.Request, status int, reason, text string) {
	first := s.count(reason) == 1
	level := slog.LevelDebug
	if first {
		level = slog.LevelWarn // one line an operator should see; the rest is counted
	}
	s.opts.Logger.Log(r.Context(), level, "client refused", "status", status, "reason", text, "remote", r.RemoteAddr)
	http.Error(w, fmt.Sprintf("wpre-relay: %s", text), status)
}

func (s *Server) count(reason string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected[reason]++
	return s.rejected[reason]
}

// ServerStatus says how a server stands. The counts of refusals and messages only grow.
type ServerStatus struct {
	Clients      int               `json:"clients"`
	EventStreams int               `json:"event_streams"` // of the clients
	MessagesSent uint64            `json:"messages_sent"`
	Rejected     map[string]uint64 `json:"rejected"`
}

// Status returns how the server stands now.
func (s *Server) Status() ServerStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ServerStatus{
		Clients:      s.clients.Len(),
		EventStreams: s.clients.EventStreams(),
		MessagesSent: s.clients.Sent(),
		Rejected:     maps.Clone(s.rejected),
	}
}
