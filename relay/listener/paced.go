package listener

import (
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"
)

const (
	// handshakeGrace is how long the next connection waits for the handshake of the previous one.
	handshakeGrace = 250 * time.Microsecond

	// pausePerConn is the time without new connections that one processor gets for each accepted connection. It is
	// several times the CPU time of a handshake.
	pausePerConn = 800 * time.Microsecond

	// minPause is the shortest pause that is taken: shorter ones add up first, since timers are not precise.
	minPause = 500 * time.Microsecond
)

// pacedListener limits the rate at which connections are accepted, so that a flood of handshakes leaves CPU time for
// connected clients. It accepts the next connection when the previous one has finished its handshake, was rejected,
// or has been silent for handshakeGrace. After that it pauses, so that handshakes use only a part of one processor.
// Connections that are not accepted yet wait in the kernel's backlog.
type pacedListener struct {
	net.Listener
	idle chan struct{} // holds one token while no handshake is in progress

	mu   sync.Mutex
	last net.Conn // the newest connection while its handshake is in progress, else nil; guarded by mu

	pause       time.Duration // after each connection
	pausedUntil time.Time     // end of all pauses so far; used by Accept only
}

func newPacedListener(listener net.Listener) *pacedListener {
	return &pacedListener{
		Listener: listener,
		idle:     make(chan struct{}, 1),
		pause:    pausePerConn / time.Duration(runtime.GOMAXPROCS(0)),
	}
}

// Accept implements net.Listener. It may be called by one goroutine at a time.
func (p *pacedListener) Accept() (net.Conn, error) {
	select {
	case <-p.idle:
	case <-time.After(handshakeGrace):
	}
	if pause := time.Until(p.pausedUntil); pause > minPause {
		time.Sleep(pause)
	}
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if now := time.Now(); p.pausedUntil.Before(now) {
		p.pausedUntil = now
	}
	p.pausedUntil = p.pausedUntil.Add(p.pause)
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.idle: // left by a handshake that took longer than handshakeGrace
	default:
	}
	p.last = conn
	return conn, nil
}

// connState follows the handshake of the newest connection. It is a hook for http.Server.ConnState.
func (p *pacedListener) connState(conn net.Conn, state http.ConnState) {
	if state == http.StateNew || state == http.StateActive {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if conn == p.last {
		p.last = nil
		p.idle <- struct{}{}
	}
}
