package fanout

import (
	"strconv"
	"sync/atomic"
	"time"
)

// deadAfter is how old the oldest event without an answer may be, when a connection ends, for the events without one to
// count as received: on a connection that is alive the answer is under way.
const deadAfter = 2 * time.Second

// receipt is what is known of a client's having got what it was sent. What was sent and what came is not the same: a
// browser that is asleep or out of reach is sent events for up to a minute.
type receipt struct {
	sent      atomic.Uint64 // number of the last record given to the socket
	confirmed atomic.Uint64 // of the last one that the client has answered
	since     atomic.Int64  // when the oldest of those between was sent, about; Unix time in nanoseconds, 0 if there is none
}

func newReceipt(seq uint64) *receipt {
	r := &receipt{}
	r.sent.Store(seq)
	r.confirmed.Store(seq)
	return r
}

// send notes that everything up to number seq was given to the socket.
func (r *receipt) send(seq uint64, now time.Time) {
	r.sent.Store(seq)
	r.since.CompareAndSwap(0, now.UnixNano())
}

// confirm takes the client's answer to a mark; to other pings there may be other ones.
func (r *receipt) confirm(mark []byte, now time.Time) {
	seq, err := strconv.ParseUint(string(mark), 10, 64)
	sent := r.sent.Load()
	if err != nil || seq <= r.confirmed.Load() || seq > sent {
		return
	}
	r.confirmed.Store(seq)
	if seq == sent {
		r.since.Store(0)
	} else {
		r.since.Store(now.UnixNano())
	}
}

// had returns the number up to which the client has got everything, as far as is known. A client that has answered a
// close frame has got what was sent before that.
func (r *receipt) had(closed bool, now time.Time) uint64 {
	since := r.since.Load()
	if closed || since == 0 || now.Sub(time.Unix(0, since)) < deadAfter {
		return r.sent.Load()
	}
	return r.confirmed.Load()
}
