package admin

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wpre-relay/relay"
)

// Monitor records recent decisions, delivery latencies and samples of the relay's state. Its memory is bounded, and
// its methods do not block. Use NewMonitor.
type Monitor struct {
	changes   *ring[relay.Change]
	latencies *ring[time.Duration]
	samples   *ring[Sample]
	histogram prometheus.Histogram
}

// NewMonitor returns an empty Monitor.
func NewMonitor() *Monitor {
	return &Monitor{
		changes:   newRing[relay.Change](maxChanges),
		latencies: newRing[time.Duration](maxLatencies),
		samples:   newRing[Sample](maxSamples),
		histogram: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wpre_relay_delivery_seconds",
			Help:    "Time from the write of an event until the last live client had it.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
}

// AddChange records a decision. It fits relay.Options.OnDecision.
func (m *Monitor) AddChange(change relay.Change) { m.changes.add(withoutLongDocument(change)) }

// AddDelivery records the latency of a delivery. A negative latency, from a file server whose clock is ahead,
// counts as 0.
func (m *Monitor) AddDelivery(latency time.Duration) {
	latency = max(0, latency)
	m.histogram.Observe(latency.Seconds())
	m.latencies.add(latency)
}

// Run takes a sample of the relay's state every 5 seconds, until ctx ends.
func (m *Monitor) Run(ctx context.Context, health Health) {
	tick := time.NewTicker(sampleInterval)
	defer tick.Stop()
	for {
		m.samples.add(m.sample(health))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// report returns the current state of the relay.
func (m *Monitor) report(health Health) Report {
	report := health.report()
	report.Delivery = summarize(m.latencies.all())
	return report
}

func (m *Monitor) sample(health Health) Sample {
	counts, clients := health.decisions(), 0
	if server := health.Server(); server != nil {
		clients = server.Status().Clients
	}
	return Sample{
		Time:     time.Now(),
		Clients:  clients,
		Sent:     counts[relay.Relayed] + counts[relay.Torn] + counts[relay.Filtered],
		Delivery: summarize(m.latencies.all()),
	}
}
