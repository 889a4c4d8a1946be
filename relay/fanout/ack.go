package fanout

import (
	"strconv"
	"sync"
	"time"
)

// ackTimeout is the age from which an event without an acknowledgment counts as lost when the connection ends. If
// the oldest one is younger and the client's kernel has acknowledged all bytes, the client's answer is taken to be
// on its way.
const ackTimeout = 2 * time.Second

// acks tracks which records a client of format Acked has received. Being sent is not enough: the kernel accepts
// events for up to a minute for a browser that is asleep or unreachable.
type acks struct {
	mu      sync.Mutex
	written uint64    // number of the newest record written to the socket; guarded by mu
	acked   uint64    // number of the newest record acknowledged, possibly before it counts as written; guarded by mu
	since   time.Time // about when the oldest record that is not acknowledged was written; guarded by mu
}

// newAcks returns the state of a client that has received everything up to number seq.
func newAcks(seq uint64) *acks { return &acks{written: seq, acked: seq} }

// sent records that everything up to number seq was written to the socket.
func (a *acks) sent(seq uint64, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if seq <= a.written {
		return
	}
	if a.written <= a.acked {
		a.since = now
	}
	a.written = seq
}

// receive takes the payload of a pong. A pong that answers another ping has no number, and is ignored.
func (a *acks) receive(payload []byte, now time.Time) {
	seq, err := strconv.ParseUint(string(payload), 10, 64)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil && seq > a.acked {
		a.acked, a.since = seq, now
	}
}

// lastDelivered returns the number up to which the client has received everything, as far as the relay knows. It
// has received all that was written if it answered a close frame, or if its kernel acknowledged all bytes
// (allAcked) and the oldest event without an answer is younger than ackTimeout.
func (a *acks) lastDelivered(closeAnswered, allAcked bool, now time.Time) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if closeAnswered || a.acked >= a.written || allAcked && now.Sub(a.since) < ackTimeout {
		return a.written
	}
	return a.acked
}
