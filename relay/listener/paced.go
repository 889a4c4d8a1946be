package listener

import (
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"
)

const (
	// arrivalPatience is how long the next connection waits for the one before it to say what it wants.
	arrivalPatience = 250 * time.Microsecond

	// restPerArrival is how long a processor has rest after each that was let in: several times what one costs. Rests are
	// taken together, leastRest at least.
	restPerArrival = 800 * time.Microsecond
	leastRest      = 500 * time.Microsecond
)

// pacedListener is a listener that lets in one after the other, the next when the last has become a client or was answered, but
// for those that take their time; and with pauses. A flood that is served as fast as it comes would take all processors
// from the clients that are in; so it gets a part of one. Meanwhile the kernel keeps those who wait.
type pacedListener struct {
	net.Listener
	through chan struct{} // has an element if the last is through

	mu   sync.Mutex
	last net.Conn // nil if it is through; guarded by mu

	rest   time.Duration // after each
	rested time.Time     // when all rest is taken; for Accept alone
}

func newPacedListener(listener net.Listener) *pacedListener {
	return &pacedListener{
		Listener: listener,
		through:  make(chan struct{}, 1),
		rest:     restPerArrival / time.Duration(runtime.GOMAXPROCS(0)),
	}
}

// Accept implements net.Listener.
func (d *pacedListener) Accept() (net.Conn, error) {
	select {
	case <-d.through:
	case <-time.After(arrivalPatience):
	}
	if rest := time.Until(d.rested); rest > leastRest {
		time.Sleep(rest)
	}
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if now := time.Now(); d.rested.Before(now) {
		d.rested = now
	}
	d.rested = d.rested.Add(d.rest)
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.through: // of one that took its time
	default:
	}
	d.last = conn
	return conn, nil
}

// connState is for http.Server.ConnState.
func (d *pacedListener) connState(conn net.Conn, state http.ConnState) {
	if state == http.StateNew || state == http.StateActive {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if conn == d.last {
		d.last = nil
		d.through <- struct{}{}
	}
}
