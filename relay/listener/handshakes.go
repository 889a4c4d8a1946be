package listener

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// handshakesPerProcessor is the number of handshakes in progress for each processor. With one, a processor would
	// idle while net/http switches between the goroutines of a connection. With more, the goroutine that delivers an
	// event would wait for more handshakes until the scheduler runs it.
	handshakesPerProcessor = 2

	// maxYield is how long handshakes wait at most for a delivery.
	maxYield = time.Millisecond

	// yieldPause is how long handshakes do not wait after they have waited for maxYield: with thousands of clients and
	// hundreds of events per second, deliveries never end, and handshakes have four fifths of the time.
	yieldPause = 4 * maxYield

	// schedulePause is the time between two moments at which handshakes let other goroutines run. To do so before each
	// handshake reduced the connects per second by a seventh.
	schedulePause = time.Millisecond

	// maxWait is how long a handshake waits at most for a place. Places are free after milliseconds, unless handlers
	// hang, for example with a disk. Then /livez must still be answered.
	maxWait = 250 * time.Millisecond
)

// handshakes bounds the handshakes in progress, and lets deliveries go first. A handshake is in progress while its
// connection computes: from the arrival of a part of the TLS handshake or the request until more is awaited, until the
// connection is upgraded, or until its handler may wait. So a slow client has no place. Handshakes without a place wait
// in the order of their arrival; they are pending connections, whose number is bounded.
type handshakes struct {
	places      chan struct{}          // holds one token for each handshake in progress
	deliveryDue func() <-chan struct{} // see Options.DeliveryDue
	start       time.Time
	yieldFrom   atomic.Int64 // time after start from which handshakes wait for a delivery, a time.Duration
	scheduled   atomic.Int64 // time after start at which other goroutines could last run, a time.Duration
}

// newHandshakes returns handshakes that yield to deliveries. deliveryDue may be nil.
func newHandshakes(deliveryDue func() <-chan struct{}) *handshakes {
	if deliveryDue == nil {
		deliveryDue = func() <-chan struct{} { return nil }
	}
	return &handshakes{
		places:      make(chan struct{}, handshakesPerProcessor*runtime.GOMAXPROCS(0)),
		deliveryDue: deliveryDue,
		start:       time.Now(),
	}
}

// begin waits for a place, and then for a delivery. If it reports true, the caller has a place, must call end once, and
// must not wait for anything before. It reports false if no place was free for maxWait.
func (h *handshakes) begin() bool {
	ok := h.take()
	h.yield()
	return ok
}

// yield lets other goroutines run, once in schedulePause, and then waits at most maxYield for a delivery that is due or
// in progress. The goroutine that accepts never waits while a herd connects, and the scheduler would interrupt it after
// 10 ms only. So long would the watcher wait for a processor, whose system call has returned with an event.
func (h *handshakes) yield() {
	now := time.Since(h.start)
	last := h.scheduled.Load()
	if now >= time.Duration(last)+schedulePause && h.scheduled.CompareAndSwap(last, int64(now)) {
		runtime.Gosched()
	}
	if now < time.Duration(h.yieldFrom.Load()) {
		return
	}
	sent := h.deliveryDue()
	if sent == nil {
		return
	}
	timeout := time.NewTimer(maxYield)
	defer timeout.Stop()
	select {
	case <-sent:
	case <-timeout.C:
		h.yieldFrom.Store(int64(time.Since(h.start) + yieldPause))
	}
}

// take waits at most maxWait for a place, and reports whether it got one.
func (h *handshakes) take() bool {
	select {
	case h.places <- struct{}{}:
		return true
	default:
	}
	timeout := time.NewTimer(maxWait)
	defer timeout.Stop()
	select {
	case h.places <- struct{}{}:
		return true
	case <-timeout.C:
		return false
	}
}

// end frees a place.
func (h *handshakes) end() { <-h.places }

// orderedListener accepts a connection when the handshakes that began before have a place. So connections wait in the
// kernel's backlog rather than as pending connections, which are closed beyond a limit. It drops connections at once,
// without a place.
type orderedListener struct {
	net.Listener
	handshakes *handshakes
	drop       func(peer netip.Addr) bool // whether to close a connection; see Options.Drop
}

// Accept implements net.Listener.
func (l orderedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.drop == nil || !l.drop(peerOf(conn)) {
			if l.handshakes.take() {
				l.handshakes.end()
			}
			counted(conn).handshakes = l.handshakes
			return conn, nil
		}
		drop(conn)
		l.handshakes.yield()
	}
}

// connKey is the key of a request's *countedConn in its context.
type connKey struct{}

// withConn adds the connection to the context of its requests. It is a hook for http.Server.ConnContext.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, counted(conn))
}

// connOf returns the connection of a request by its context, or nil if Serve does not serve it.
func connOf(ctx context.Context) *countedConn {
	c, _ := ctx.Value(connKey{}).(*countedConn)
	return c
}

// MayBlock ends the handshake of a request for the limit of handshakes in progress. The handler of a WebSocket
// handshake calls it with the request's context before it waits for anything but the upgrade. It may be called several
// times, and with any context.
func MayBlock(ctx context.Context) {
	c := connOf(ctx)
	if c == nil {
		return
	}
	c.endHandshake()
	if c.turn != nil {
		c.turn.pass()
	}
}
