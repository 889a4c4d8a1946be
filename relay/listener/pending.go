package listener

import (
	"container/list"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/throttle"
)

// pendingConns tracks connections that are not clients yet: reading a request, being answered, or kept alive. When
// the limit is reached, it closes the oldest. A handshake takes milliseconds, so this evicts slow attackers
// (slowloris) rather than visitors.
//
// It also limits the bytes of unfinished requests and TLS handshakes. They take up to twenty times as much memory,
// because a header field of four bytes takes a hundred. Answered TLS handshakes of usual size do not count. Beyond the
// limit, it closes the oldest connections of the network that has sent the most.
type pendingConns struct {
	limit    int
	maxBytes int
	logger   *slog.Logger
	throttle throttle.Throttle // for the log messages about evictions

	mu        sync.Mutex
	byAge     *list.List                 // of *pendingConn, the oldest first; guarded by mu
	elements  map[net.Conn]*list.Element // guarded by mu
	bytes     int                        // sum of all connections; guarded by mu
	byNetwork map[netip.Prefix]int       // bytes by network, never 0; guarded by mu
}

// pendingConn is a pending connection.
type pendingConn struct {
	net.Conn
	set     *pendingConns
	network netip.Prefix // known once bytes is not 0; guarded by set.mu
	bytes   int          // of the unfinished request, and of the TLS handshake before it; guarded by set.mu
	exempt  int          // bytes that answered no longer counts, of maxAnsweredHello; guarded by set.mu
}

func newPendingConns(limit, maxBytes int, logger *slog.Logger) *pendingConns {
	return &pendingConns{
		limit:     limit,
		maxBytes:  maxBytes,
		logger:    logger,
		byAge:     list.New(),
		elements:  make(map[net.Conn]*list.Element),
		byNetwork: make(map[netip.Prefix]int),
	}
}

// setState changes the state of a connection, for pendingConns and for handshakes.
func (p *pendingConns) setState(c *countedConn, state http.ConnState) {
	c.connState(state)
	p.connState(c, state)
}

// each calls f with each pending connection.
func (p *pendingConns) each(f func(*countedConn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.elements {
		f(counted(conn))
	}
}

// connState adds new connections and removes closed and upgraded ones. It counts the bytes of a connection until its
// request is complete, and again after the response.
func (p *pendingConns) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if oldest := p.add(conn); oldest != nil {
			closeWithoutAlert(oldest)
			if n, due := p.throttle.Count(); due {
				p.logger.Warn("too many pending connections, closing the oldest", "limit", p.limit, "times", n)
			}
		}
	case http.StateActive:
		p.count(conn, false)
	case http.StateIdle:
		p.count(conn, true)
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
	if p.elements[conn] != nil { // upgradeServer has passed it to net/http
		return nil
	}
	if p.byAge.Len() >= p.limit {
		oldest = p.delete(p.byAge.Front())
	}
	pending := &pendingConn{Conn: conn, set: p}
	p.elements[conn] = p.byAge.PushBack(pending)
	pending.report(true)
	return oldest
}

func (p *pendingConns) remove(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if element, ok := p.elements[conn]; ok {
		p.delete(element)
	}
}

// delete removes a connection and returns it. The caller holds mu.
func (p *pendingConns) delete(element *list.Element) net.Conn {
	pending := p.byAge.Remove(element).(*pendingConn)
	delete(p.elements, pending.Conn)
	pending.report(false)
	p.addBytes(pending, -pending.bytes)
	return pending.Conn
}

// count sets whether the bytes that the connection receives from now on count. Earlier bytes no longer count.
func (p *pendingConns) count(conn net.Conn, counts bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if element, ok := p.elements[conn]; ok {
		pending := element.Value.(*pendingConn)
		pending.report(counts)
		p.addBytes(pending, -pending.bytes)
	}
}

// report sets whether the connection reports the bytes that it receives.
func (c *pendingConn) report(reports bool) {
	switch conn := counted(c.Conn); {
	case conn == nil:
	case reports:
		conn.pending.Store(c)
	default:
		conn.pending.Store(nil)
	}
}

// addBytes adds n to the bytes of a connection. The caller holds mu.
func (p *pendingConns) addBytes(pending *pendingConn, n int) {
	if n == 0 {
		return
	}
	pending.bytes += n
	p.bytes += n
	if p.byNetwork[pending.network] += n; p.byNetwork[pending.network] == 0 {
		delete(p.byNetwork, pending.network)
	}
}

// received counts n bytes of the connection, which come from an address. It closes connections beyond the limit.
func (c *pendingConn) received(n int, from net.Addr) {
	p := c.set
	for _, conn := range p.receive(c, n, from) {
		closeWithoutAlert(conn)
		if n, due := p.throttle.Count(); due {
			p.logger.Warn("requests of pending connections are too long, closing the oldest of an address",
				"limit", p.maxBytes, "times", n)
		}
	}
}

// answered no longer counts what the relay answers while the connection is pending: the client's part of the TLS
// handshake, up to maxAnsweredHello.
func (c *pendingConn) answered() {
	p := c.set
	p.mu.Lock()
	defer p.mu.Unlock()
	if counted(c.Conn).pending.Load() != c {
		return // it was closed meanwhile
	}
	n := min(c.bytes, maxAnsweredHello-c.exempt)
	c.exempt += n
	p.addBytes(c, -n)
}

// receive counts n bytes and removes and returns the connections to close.
func (p *pendingConns) receive(pending *pendingConn, n int, from net.Addr) (evicted []net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := counted(pending.Conn); c.pending.Load() != pending {
		return nil // it was closed meanwhile
	}
	if pending.bytes == 0 {
		address, _ := clientaddr.ParseAddr(from.String())
		pending.network = clientaddr.NetworkOf(address)
	}
	p.addBytes(pending, n)
	for p.bytes > p.maxBytes {
		evicted = append(evicted, p.delete(p.oldestOf(p.greediest())))
	}
	return evicted
}

// greediest returns the network with the most bytes. The caller holds mu.
func (p *pendingConns) greediest() (network netip.Prefix) {
	most := 0
	for candidate, n := range p.byNetwork {
		if n > most {
			network, most = candidate, n
		}
	}
	return network
}

// oldestOf returns the oldest connection of a network that has bytes. The caller holds mu.
func (p *pendingConns) oldestOf(network netip.Prefix) *list.Element {
	element := p.byAge.Front()
	for pending := element.Value.(*pendingConn); pending.bytes == 0 || pending.network != network; {
		element = element.Next()
		pending = element.Value.(*pendingConn)
	}
	return element
}
