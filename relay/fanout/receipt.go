package fanout

import (
	"strconv"
	"sync"
	"time"
)

// deadAfter is how old the oldest event without an answer may be, when a connection ends, for the events without one to
// count as received: on a connection that is alive the answer is under way.
const deadAfter = 2 * time.Second

// receipt is what is known of a client's having got what it was sent. What was sent and what came is not the same: a
// browser that is asleep or out of reach is sent events for up to a minute.
type receipt struct {
	mu        sync.Mutex
	sent      uint64    // number of the last record given to the socket; guarded by mu
	confirmed uint64    // of the last one that the client has answered, maybe before it counts as sent; guarded by mu
	since     time.Time // when the oldest of those between was sent, about; guarded by mu
}

func newReceipt(seq uint64) *receipt { return &receipt{sent: seq, confirmed: seq} }

// send notes that everything up to number seq was given to the socket.
func (r *receipt) send(seq uint64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent <= r.confirmed {
		r.since = now
	}
	r.sent = seq
}

// confirm takes the client's answer to a mark; to other pings there may be other ones.
func (r *receipt) confirm(mark []byte, now time.Time) {
	seq, err := strconv.ParseUint(string(mark), 10, 64)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && seq > r.confirmed {
		r.confirmed, r.since = seq, now
	}
}

// had returns the number up to which the client has got everything, as far as is known. A client that has answered a
// close frame has got what was sent before that; one whose connection was closed with all of it delivered has, too, if
// it was alive until then.
func (r *receipt) had(answered, delivered bool, now time.Time) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answered || r.confirmed >= r.sent || delivered && now.Sub(r.since) < deadAfter {
		return r.sent
	}
	return r.confirmed
}
