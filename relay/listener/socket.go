package listener

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"wpre-relay/relay/throttle"
)

const (
	// minBackoff and maxBackoff are the first and the longest wait after an accept error, as in net/http.
	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second

	// maxDeaf is how long a socket may accept no connection, although it has errors or clients wait, before Check
	// reports it. A flood of connections does not count: the socket accepts some of them.
	maxDeaf = 5 * time.Second
)

// brokenErrors are the errors of accept(2) after which a socket never accepts again: it is closed, it is none, or it
// does not listen. Windows has its own numbers for them. All other errors are retried. Most concern only one
// connection, or pass when memory or descriptors are free again; a security module or a packet filter can cause EPERM.
var brokenErrors = []error{
	net.ErrClosed,
	syscall.EBADF,
	syscall.EINVAL,
	syscall.ENOTSOCK,
	syscall.EOPNOTSUPP,
	syscall.Errno(10022), // WSAEINVAL
	syscall.Errno(10038), // WSAENOTSOCK
	syscall.Errno(10045), // WSAEOPNOTSUPP
}

func isBroken(err error) bool {
	return slices.ContainsFunc(brokenErrors, func(broken error) bool { return errors.Is(err, broken) })
}

// Socket is a listening socket that survives accept errors, and knows whether it accepts connections. Use Listen,
// Adopt or NewSocket.
type Socket struct {
	net.Listener
	logger   *slog.Logger
	throttle throttle.Throttle // for the log message about accept errors
	backlog  func() int        // returns the number of clients that wait to be accepted, 0 if it is unknown

	closeOnce sync.Once
	closed    chan struct{}

	mu       sync.Mutex
	serving  bool      // Accept was called; guarded by mu
	accepted uint64    // number of accepted connections; guarded by mu
	failure  error     // the last accept error; guarded by mu
	failedAt time.Time // time of failure; guarded by mu
	failing  time.Time // time of the first of the errors in a row, zero after a connection; guarded by mu
	checked  uint64    // accepted when Check last saw that clients are accepted, or that none wait; guarded by mu
	fineAt   time.Time // time of that; guarded by mu
}

// NewSocket returns a Socket that accepts the connections of listener.
func NewSocket(listener net.Listener, logger *slog.Logger) *Socket {
	return &Socket{
		Listener: direct(listener),
		logger:   logger,
		backlog:  func() int { return backlog(listener) },
		closed:   make(chan struct{}),
	}
}

// Accept implements net.Listener. After an error it waits and tries again, until the socket is closed or broken.
func (s *Socket) Accept() (net.Conn, error) {
	s.mu.Lock()
	s.serving = true
	s.mu.Unlock()
	for wait := minBackoff; ; wait = min(2*wait, maxBackoff) {
		conn, err := s.Listener.Accept()
		s.record(err)
		if err == nil || isBroken(err) {
			return conn, err
		}
		if n, due := s.throttle.Count(); due {
			s.logger.Warn("accept failed, retrying", "addr", s.Addr().String(), "error", err, "times", n)
		}
		select {
		case <-time.After(wait):
		case <-s.closed:
			return nil, net.ErrClosed
		}
	}
}

// record records the result of accept(2).
func (s *Socket) record(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.accepted++
		s.failing = time.Time{}
		return
	}
	now := time.Now()
	if s.failing.IsZero() || now.Sub(s.failedAt) > 2*maxBackoff { // in between, accept waited for a client
		s.failing = now
	}
	s.failure, s.failedAt = err, now
}

// Check returns why the socket has accepted no connection for maxDeaf although it should have, or nil. It is nil before
// the socket is served. Call it about once a second: it compares the socket with its state at earlier calls.
func (s *Socket) Check() error {
	waiting := s.backlog()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.failing.IsZero() && now.Sub(s.failedAt) <= 2*maxBackoff && now.Sub(s.failing) >= maxDeaf {
		return fmt.Errorf("no connection was accepted for %s: %w", now.Sub(s.failing).Round(time.Second), s.failure)
	}
	if waiting == 0 || !s.serving || s.accepted != s.checked || s.fineAt.IsZero() {
		s.checked, s.fineAt = s.accepted, now
		return nil
	}
	if deaf := now.Sub(s.fineAt); deaf >= maxDeaf {
		return fmt.Errorf("accept %s: no connection was accepted for %s, %d wait", s.Addr(), deaf.Round(time.Second), waiting)
	}
	return nil
}

// Close implements net.Listener. It also ends an Accept that waits to retry.
func (s *Socket) Close() error {
	s.closeOnce.Do(func() { close(s.closed) })
	return s.Listener.Close()
}
