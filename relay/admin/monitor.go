package admin

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wpre-relay/relay"
)

// Monitor remembers, for operators, what happened of late. It keeps a bounded amount, and nobody waits for it. Use
// NewMonitor.
type Monitor struct {
	changes   *recent[relay.Change]
	delays    *recent[time.Duration]
	samples   *recent[Sample]
	histogram prometheus.Histogram
}

// NewMonitor returns a Monitor that has seen nothing.
func NewMonitor() *Monitor {
	return &Monitor{
		changes: newRecent[relay.Change](maxActivity),
		delays:  newRecent[time.Duration](maxDelays),
		samples: newRecent[Sample](maxSamples),
		histogram: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wpre_relay_delivery_seconds",
			Help:    "Time from an event's being written until it was given to the last client that was caught up.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
}

// Decided remembers what became of a change of the file, as relay.Options.Decided.
func (m *Monitor) Decided(change relay.Change) { m.changes.add(remembered(change)) }

// Delivered remembers how long a delivery took, as server.Options.Delivered.
func (m *Monitor) Delivered(took time.Duration) {
	took = max(0, took) // the clock of a file server may be ahead
	m.histogram.Observe(took.Seconds())
	m.delays.add(took)
}

// Run takes a sample of how the relay stands every few seconds, until ctx ends.
func (m *Monitor) Run(ctx context.Context, health Health) {
	tick := time.NewTicker(sampleEvery)
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

// report returns how the relay stands now.
func (m *Monitor) report(health Health) Report {
	report := health.report()
	report.Delivery = deliveryOf(m.delays.all())
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
		Delivery: deliveryOf(m.delays.all()),
	}
}
