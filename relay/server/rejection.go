package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"wpre-relay/relay/throttle"
)

// reason says why a request is rejected. It determines the status of the response.
type reason uint8

const (
	reasonUnknownClient   reason = iota // the site does not know the client
	reasonForbidden                     // the site does not admit the client
	reasonAuthUnavailable               // the client cannot be authenticated now
	reasonBehind                        // the client has events that this relay does not have yet
	reasonHandshake                     // the WebSocket handshake or the start of the SSE stream failed
	reasonHistory                       // too many answers of /history are in progress
	reasonBuffers                       // Options.Buffers is exhausted
	reasonHost                          // a foreign page may have sent the request, by DNS rebinding
	reasonInternal                      // the journal cannot be read
	reasonMaxClients
	reasonMaxClientsPerIP
	reasonOrigin
	reasonPosition // a parameter for the position or the number of events is invalid
	reasonRate
	reasonToken
	reasonTypes
)

// responses holds the label and the response of each reason. Labels are part of the metric
// wpre_relay_connections_rejected_total.
var responses = [...]struct {
	label      string
	status     int
	retryAfter int // seconds; 0: no Retry-After header, because a retry has the same result
}{
	reasonUnknownClient:   {"auth", http.StatusUnauthorized, 0},
	reasonForbidden:       {"auth", http.StatusForbidden, 0},
	reasonAuthUnavailable: {"auth_unavailable", http.StatusServiceUnavailable, 5},
	reasonBehind:          {"behind", http.StatusServiceUnavailable, 1},
	reasonHandshake:       {"handshake", http.StatusBadRequest, 0}, // the WebSocket library sends its own response
	reasonHistory:         {"history", http.StatusServiceUnavailable, 1},
	reasonBuffers:         {"buffers", http.StatusServiceUnavailable, 5},
	reasonHost:            {"host", http.StatusForbidden, 0},
	reasonInternal:        {"internal", http.StatusInternalServerError, 10},
	reasonMaxClients:      {"max_clients", http.StatusServiceUnavailable, 5},
	reasonMaxClientsPerIP: {"max_clients_per_ip", http.StatusTooManyRequests, 5},
	reasonOrigin:          {"origin", http.StatusForbidden, 0},
	reasonPosition:        {"position", http.StatusBadRequest, 0},
	reasonRate:            {"rate", http.StatusTooManyRequests, 10},
	reasonToken:           {"token", http.StatusUnauthorized, 0},
	reasonTypes:           {"types", http.StatusBadRequest, 0},
}

// String returns the label for metrics. Two reasons may have the same label.
func (r reason) String() string { return responses[r].label }

// RejectionReasons returns the labels of all reasons, sorted.
func RejectionReasons() []string {
	var labels []string
	for _, response := range responses {
		labels = append(labels, response.label)
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

// rejection is the result for a request that is not served.
type rejection struct {
	reason reason
	text   string // for the client; it must not contain a secret
}

// reject answers a request with a rejection. A temporary one is a stream for a client that wants one.
func (s *Server) reject(req request, rejection *rejection) {
	response := responses[rejection.reason]
	s.rejections.add(rejection, req)
	if response.retryAfter > 0 && wantsEventStream(req.r) {
		retryAfter := time.Duration(response.retryAfter) * time.Second
		sendRejectedStream(req.w, response.status, response.label, rejection.text, retryAfter)
		return
	}
	if response.status == http.StatusUnauthorized {
		req.w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750 §3
	}
	if response.retryAfter > 0 {
		req.w.Header().Set("Retry-After", strconv.Itoa(response.retryAfter))
	}
	http.Error(req.w, "wpre-relay: "+rejection.text, response.status)
}

// rejections counts and logs rejections. An attack must not fill the log, so at most one line per label is logged in
// 10 seconds, with the number of rejections since the previous one. At debug level, all are logged.
type rejections struct {
	counts    counter
	logger    *slog.Logger
	throttles sync.Map // of *throttle.Throttle, by label
}

func (r *rejections) add(rejection *rejection, req request) {
	label := rejection.reason.String()
	r.counts.add(label)
	level := slog.LevelDebug
	attributes := []any{
		"reason", label, "detail", rejection.text, "status", responses[rejection.reason].status,
		"remote", req.r.RemoteAddr, "client", req.address,
	}
	limiter, _ := r.throttles.LoadOrStore(label, new(throttle.Throttle))
	if n, due := limiter.(*throttle.Throttle).Count(); due {
		level = slog.LevelWarn
		attributes = append(attributes, "times", n)
	}
	r.logger.Log(context.Background(), level, "request rejected", attributes...)
}

// dropsConnection reports whether to close a new connection without an answer: its address has made twice as many
// as Options.HandshakeRate allows, and is not a trusted proxy's. It counts the connections.
func (s *Server) dropsConnection(peer netip.Addr) bool {
	if s.opts.Proxies.Trusts(peer) || !s.admission.isFlooding(peer) {
		return false
	}
	s.dropped.Add(1)
	if n, due := s.dropThrottle.Count(); due {
		s.opts.Logger.Warn("closing new connections of an address without an answer: it exceeds --handshake-rate",
			"remote", peer, "times", n)
	}
	return true
}
