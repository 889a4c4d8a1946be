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

// pendingConns tracks connections that are not clients yet: reading a request, being answered, or kept alive. When
// the limit is reached, it closes the oldest. A handshake takes milliseconds, so this evicts slow attackers
// (slowloris) rather than visitors.
type pendingConns struct {
	limit    int
	logger   *slog.Logger
	throttle throttle.Throttle // for the log message about evictions

	mu       sync.Mutex
	byAge    *list.List                 // of net.Conn, the oldest first; guarded by mu
	elements map[net.Conn]*list.Element // guarded by mu
}

func newPendingConns(limit int, logger *slog.Logger) *pendingConns {
	return &pendingConns{limit: limit, logger: logger, byAge: list.New(), elements: make(map[net.Conn]*list.Element)}
}

// connState adds new connections and removes closed and upgraded ones. It is a hook for http.Server.ConnState.
func (p *pendingConns) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if oldest := p.add(conn); oldest != nil {
			closeWithoutAlert(oldest)
			if n, due := p.throttle.Count(); due {
				p.logger.Warn("too many pending connections, closing the oldest", "limit", p.limit, "times", n)
			}
		}
	case http.StateHijacked, http.StateClosed:
		p.remove(conn)
	}
}

// closeWithoutAlert closes the TCP connection below conn. Closing a TLS connection sends an alert first, which can
// take seconds.
func closeWithoutAlert(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	conn.Close()
}

// add adds a connection. If that exceeds the limit, it removes and returns the oldest one.
func (p *pendingConns) add(conn net.Conn) (oldest net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byAge.Len() >= p.limit {
		oldest = p.byAge.Remove(p.byAge.Front()).(net.Conn)
		delete(p.elements, oldest)
	}
	p.elements[conn] = p.byAge.PushBack(conn)
	return oldest
}

func (p *pendingConns) remove(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if element, ok := p.elements[conn]; ok {
		p.byAge.Remove(element)
		delete(p.elements, conn)
	}
}
