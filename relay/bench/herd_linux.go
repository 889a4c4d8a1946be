package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"wpre-relay/relay/bench/stats"
)

const (
	// herdLimit bounds the time in which the herd tries to connect.
	herdLimit = time.Minute

	// herdBatch is the number of connections that the herd starts between two polls.
	herdBatch = 64
)

// herd connects additional clients all at once, and keeps them connected. It runs on a separate thread, so that it does
// not delay the clients that are measured.
type herd struct {
	set      *clientSet
	attempts []attempt // in the order of their deadlines; the first ones that are over are removed
	opened   int       // clients that have tried to connect
	timeouts int
	begin    time.Duration // of the first connection, since the start of the run; 0 if there was none
	end      time.Duration // when all were connected; 0 if they never were

	tried  chan struct{} // closed when all clients are connected, or herdLimit is over
	cancel context.CancelFunc
	done   chan struct{} // closed when the herd has ended; the fields above belong to its goroutine until then
	err    error         // valid after done is closed
}

// attempt is a try of one client to connect.
type attempt struct {
	client   int32
	deadline time.Duration
}

// newHerd returns a herd of all clients of set.
func newHerd(set *clientSet) *herd {
	return &herd{set: set, tried: make(chan struct{}), done: make(chan struct{})}
}

// start lets the herd connect when the write of this number of events has begun. The caller calls stop.
func (h *herd) start(ctx context.Context, s *series, events int) {
	ctx, h.cancel = context.WithCancel(ctx)
	go func() {
		defer close(h.done)
		runtime.LockOSThread() // poll waits in system calls
		defer runtime.UnlockOSThread()
		h.err = h.run(ctx, s, int64(events))
	}()
}

// run connects all clients and then serves them until ctx ends.
func (h *herd) run(ctx context.Context, s *series, events int64) error {
	defer h.set.disconnectPending() // TLS handshakes end on the thread that has started them
	for s.started.Load() < events && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	h.begin = h.set.now()
	for ctx.Err() == nil && h.end == 0 && h.set.now() < h.begin+herdLimit {
		if err := h.connect(); err != nil {
			return err
		}
	}
	close(h.tried)
	for ctx.Err() == nil {
		if err := h.set.poll(h.set.now() + stepInterval); err != nil {
			return err
		}
	}
	return nil
}

// connect starts some connections and handles the events that are ready. It sets end if all clients are connected.
func (h *herd) connect() error {
	now := h.set.now()
	for range herdBatch {
		if err := h.openNext(now); err != nil {
			return err
		}
	}
	wait := stepInterval
	if h.opened < len(h.set.clients) {
		wait = 0
	}
	if err := h.set.poll(now + wait); err != nil {
		return err
	}
	if h.opened == len(h.set.clients) && h.set.connections.pending == 0 && h.connected() == len(h.set.clients) {
		h.end = h.set.now()
	}
	return nil
}

// openNext starts the connection of a client whose last attempt is over and failed, or else of a new client.
func (h *herd) openNext(now time.Duration) error {
	for len(h.attempts) > 0 && h.attempts[0].deadline <= now {
		first := h.attempts[0].client
		h.attempts = h.attempts[1:]
		switch c := &h.set.clients[first]; {
		case c.pending():
			h.timeouts++
			h.set.reject(first, fmt.Errorf("no response within %v", handshakeTimeout))
			return h.open(first, now)
		case c.stage == disconnected:
			return h.open(first, now)
		}
	}
	if h.opened == len(h.set.clients) {
		return nil
	}
	h.opened++
	return h.open(int32(h.opened-1), now)
}

func (h *herd) open(client int32, now time.Duration) error {
	h.attempts = append(h.attempts, attempt{client, now + handshakeTimeout})
	return h.set.open(client, transient)
}

// connected returns the number of connected clients.
func (h *herd) connected() int {
	n := 0
	for i := range h.set.clients {
		if h.set.clients[i].stage == open {
			n++
		}
	}
	return n
}

// joined reports whether all clients are connected, or have tried for herdLimit, or the herd failed.
func (h *herd) joined() bool {
	select {
	case <-h.tried:
	case <-h.done:
	default:
		return false
	}
	return true
}

// stop ends the herd. Its clients remain connected.
func (h *herd) stop() error {
	h.cancel()
	<-h.done
	return h.err
}

// result returns the result of a herd that was stopped. r has the events of the run.
func (h *herd) result(r *stats.Recorder) *Herd {
	end := h.end
	if end == 0 {
		end = math.MaxInt64
	}
	result := &Herd{
		Clients:   len(h.set.clients),
		Connected: h.connected(),
		Timeouts:  h.timeouts,
		Rejected:  h.set.connections.rejected - h.timeouts,
		Quiet:     quantiles(r.LastOf(0, h.begin)),
		During:    quantiles(r.LastOf(h.begin, end)),
	}
	if h.end != 0 {
		result.Seconds = new((h.end - h.begin).Seconds())
	}
	return result
}
