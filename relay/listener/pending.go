package listener

import (
	"container/list"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"wpre-relay/relay/throttle"
)

// maxPendingConns is how many connections there may be that are no clients yet, or never will be.
const maxPendingConns = 1024

// pendingLimit returns how many connections there may be that are no clients: where few files may be open, an eighth.
func pendingLimit() int {
	if n := maxOpenFiles() / 8; n > 0 && n < maxPendingConns {
		return n
	}
	return maxPendingConns
}

// reservedFiles are kept from the clients, for the event file, the journal and operators.
const reservedFiles = 64

// MaxClients returns how many clients the limit of open files leaves room for, 0 if there is no such limit.
func MaxClients() int {
	limit := maxOpenFiles()
	if limit == 0 {
		return 0
	}
	return max(1, limit-pendingLimit()-reservedFiles)
}

// pendingConns are the connections that have not become clients: their request is on its way, or being answered, or they may
// make another. They are bounded: for a new one too many the oldest goes. A handshake takes milliseconds, so that those
// who say as little as they can, as slowly as they can, make room for those who mean it.
type pendingConns struct {
	most   int
	logger *slog.Logger
	noisy  throttle.Throttle

	mu       sync.Mutex
	byAge    *list.List                 // of net.Conn, the oldest first; guarded by mu
	elements map[net.Conn]*list.Element // guarded by mu
}

func newPendingConns(most int, logger *slog.Logger) *pendingConns {
	return &pendingConns{most: most, logger: logger, byAge: list.New(), elements: make(map[net.Conn]*list.Element)}
}

// connState is for http.Server.ConnState.
func (s *pendingConns) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if oldest := s.add(conn); oldest != nil {
			hangUp(oldest)
			if n, due := s.noisy.Count(); due {
				s.logger.Warn("too many connections without a request; the oldest are closed", "most", s.most, "times", n)
			}
		}
	case http.StateHijacked, http.StateClosed:
		s.remove(conn)
	}
}

// hangUp closes a connection without a word, which over TLS could take seconds.
func hangUp(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	conn.Close()
}

// add adds a connection, and returns the one that must go for it.
func (s *pendingConns) add(conn net.Conn) (oldest net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byAge.Len() >= s.most {
		oldest = s.byAge.Remove(s.byAge.Front()).(net.Conn)
		delete(s.elements, oldest)
	}
	s.elements[conn] = s.byAge.PushBack(conn)
	return oldest
}

func (s *pendingConns) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if element, ok := s.elements[conn]; ok {
		s.byAge.Remove(element)
		delete(s.elements, conn)
	}
}
