package fanout

import (
	"math"
	"slices"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
)

// noClients is the number that a shard without clients has delivered: no record waits for it.
const noClients uint64 = math.MaxUint64

// deliveryLatency reports how long after its writing an event was delivered to all live clients. The last shard to
// deliver an event reports it.
type deliveryLatency struct {
	report func(time.Duration)

	mu      sync.Mutex
	upTo    []uint64      // by shard: number of the newest record delivered, or noClients; guarded by mu
	due     chan struct{} // closed when all shards have delivered dueUpTo; nil if no goroutine waits; guarded by mu
	dueUpTo uint64        // guarded by mu
}

func (l *deliveryLatency) init(shards int, report func(time.Duration)) {
	l.report, l.upTo = report, slices.Repeat([]uint64{noClients}, shards)
}

// delivered records that a shard has delivered recs, and everything up to number upTo. If sent is false, no client
// of the shard sees any of recs, and nothing is reported.
func (l *deliveryLatency) delivered(shard int, recs []*eventlog.Record, upTo uint64, sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(shard, upTo)
	if !sent {
		return
	}
	now, byAll := time.Now().UnixNano(), slices.Min(l.upTo)
	for _, rec := range recs {
		if rec.Position.Seq <= byAll && rec.Event.Written != 0 {
			l.report(time.Duration(now - rec.Event.Written))
		}
	}
}

// idle records that a shard has no clients.
func (l *deliveryLatency) idle(shard int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(shard, noClients)
}

// set sets the number of a shard. The caller holds mu.
func (l *deliveryLatency) set(shard int, upTo uint64) {
	l.upTo[shard] = upTo
	if l.due != nil && slices.Min(l.upTo) >= l.dueUpTo {
		close(l.due)
		l.due = nil
	}
}

// behind returns nil if all shards with clients have delivered everything up to number head. Otherwise, it returns a
// channel that is closed when they have, or when they have delivered what an earlier call waits for.
func (l *deliveryLatency) behind(head uint64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Min(l.upTo) >= head {
		return nil
	}
	if l.due == nil {
		l.due, l.dueUpTo = make(chan struct{}), head
	}
	return l.due
}
