package bench

import (
	"fmt"
	"time"
)

// describeConnecting says how far connecting is.
func (r *run) describeConnecting() string {
	n := r.swarm.census.connected
	return fmt.Sprintf("connecting %d/%d, %.0f/s", n, r.opts.Clients, perSecond(n, r.connecting))
}

// describeEvents says how far the events are, and how the server does since that was said last.
func (r *run) describeEvents() string {
	t, now := &r.swarm.tally, r.swarm.now()
	of := ""
	if !r.opts.listens() {
		of = fmt.Sprintf("/%d", r.opts.Events)
	}
	text := fmt.Sprintf("%d clients, event %d%s, %d deliveries, %.0f/s, last client after %v", r.swarm.present, t.Len(), of,
		t.Deliveries(), perSecond(t.Deliveries()-r.said.deliveries, now-r.said.at), t.RecentLast().Round(time.Microsecond))
	r.said.at, r.said.deliveries = now, t.Deliveries()
	return text
}

func perSecond[N int | uint64](n N, in time.Duration) float64 {
	return float64(n) / max(in, time.Millisecond).Seconds()
}
