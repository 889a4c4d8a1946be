package fanout

import (
	"math"
	"slices"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
)

// resting is the number of a shard without clients, for which no record waits.
const resting uint64 = math.MaxUint64

// finish finds out when an event has been given to all clients that are caught up: the last of the shards to reach it
// tells.
type finish struct {
	tell func(time.Duration)

	mu      sync.Mutex
	reached []uint64 // by each shard: the number of the last record that it has delivered, or resting; guarded by mu
}

func (f *finish) init(shards int, tell func(time.Duration)) {
	f.tell, f.reached = tell, make([]uint64, shards)
	for i := range f.reached {
		f.reached[i] = resting
	}
}

// reach notes that a shard has delivered recs, and so reached number upTo. If nobody was there to be sent any, that
// took no time that counts.
func (f *finish) reach(shard int, recs []*eventlog.Record, upTo uint64, sent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reached[shard] = upTo
	if !sent {
		return
	}
	now, all := time.Now().UnixNano(), slices.Min(f.reached)
	for _, rec := range recs {
		if rec.Position.Seq <= all && rec.Event.Written != 0 {
			f.tell(time.Duration(now - rec.Event.Written))
		}
	}
}

// rest notes that a shard has no clients.
func (f *finish) rest(shard int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reached[shard] = resting
}
