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

	mu   sync.Mutex
	upTo []uint64 // by shard: number of the newest record delivered, or noClients; guarded by mu
}

func (l *deliveryLatency) init(shards int, report func(time.Duration)) {
	l.report, l.upTo = report, slices.Repeat([]uint64{noClients}, shards)
}

// delivered records that a shard has delivered recs, and everything up to number upTo. If sent is false, no client
// of the shard sees any of recs, and nothing is reported.
func (l *deliveryLatency) delivered(shard int, recs []*eventlog.Record, upTo uint64, sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.upTo[shard] = upTo
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
	l.upTo[shard] = noClients
}

// isBehind reports whether a shard with clients has not delivered everything up to number head.
func (l *deliveryLatency) isBehind(head uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Min(l.upTo) < head
}
