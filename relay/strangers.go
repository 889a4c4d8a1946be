package relay

import (
	"container/list"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"wpre-relay/relay/throttle"
)

// mostStrangers is how many connections there may be that are no clients yet, or never will be.
const mostStrangers = 1024

// maxStrangers returns how many connections there may be that are no clients: where few files may be open, an eighth.
func maxStrangers() int {
	if n := maxDescriptors() / 8; n > 0 && n < mostStrangers {
		return n
	}
	return mostStrangers
}

// strangers are the connections that have not become clients: their request is on its way, or being answered, or they may
// make another. They are bounded: for a new one too many the oldest goes. A handshake takes milliseconds, so that those
// who say as little as they can, as slowly as they can, make room for those who mean it.
type strangers struct {
	most   int
	logger *slog.Logger
	noisy  throttle.Throttle

	mu       sync.Mutex
	byAge    *list.List                 // of net.Conn, the oldest first; guarded by mu
	elements map[net.Conn]*list.Element // guarded by mu
}

func newStrangers(most int, logger *slog.Logger) *strangers {
	return &strangers{most: most, logger: logger, byAge: list.New(), elements: make(map[net.Conn]*list.Element)}
}

// follow is for http.Server.ConnState.
func (s *strangers) follow(conn net.Conn, state http.ConnState) {
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
func (s *strangers) add(conn net.Conn) (oldest net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byAge.Len() >= s.most {
		oldest = s.byAge.Remove(s.byAge.Front()).(net.Conn)
		delete(s.elements, oldest)
	}
	s.elements[conn] = s.byAge.PushBack(conn)
	return oldest
}

func (s *strangers) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if element, ok := s.elements[conn]; ok {
		s.byAge.Remove(element)
		delete(s.elements, conn)
	}
}
