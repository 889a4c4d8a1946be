package bench

import (
	"fmt"
	"time"
)

// describeConnecting returns the progress of connecting.
func (r *run) describeConnecting() string {
	n := r.clients.connections.connected
	return fmt.Sprintf("connecting %d/%d, %.0f/s", n, r.opts.Clients, perSecond(n, r.connectTime))
}

// describeEvents returns the number of events and deliveries so far, and the delivery rate since the last report.
func (r *run) describeEvents() string {
	t, now := &r.clients.recorder, r.clients.now()
	of := ""
	if !r.opts.external() {
		of = fmt.Sprintf("/%d", r.opts.Events)
	}
	rate := perSecond(t.Deliveries()-r.lastReport.deliveries, now-r.lastReport.at)
	text := fmt.Sprintf("%d clients, event %d%s, %d deliveries, %.0f/s, last client after %v",
		r.clients.connected, t.Events(), of, t.Deliveries(), rate, t.RecentLast().Round(time.Microsecond))
	r.lastReport.at, r.lastReport.deliveries = now, t.Deliveries()
	return text
}

func perSecond[N int | uint64](n N, in time.Duration) float64 {
	return float64(n) / max(in, time.Millisecond).Seconds()
}
