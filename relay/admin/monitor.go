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
	changes   *ring[*change]
	latencies *ring[time.Duration]
	samples   *ring[Sample] // of the last hour
	daily     *ring[Sample] // of the last day; every dailyStep-th sample
	histogram prometheus.Histogram
}

// NewMonitor returns an empty Monitor.
func NewMonitor() *Monitor {
	return &Monitor{
		changes:   newRing[*change](maxChanges),
		latencies: newRing[time.Duration](maxLatencies),
		samples:   newRing[Sample](maxSamples),
		daily:     newRing[Sample](maxDaily),
		histogram: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wpre_relay_delivery_seconds",
			Help:    "Time from the write of an event until the last live client had it, without clients of a herd.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
}

// AddChange records a decision. It fits relay.Options.OnDecision.
func (m *Monitor) AddChange(change relay.Change) { m.changes.add(newChange(change)) }

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
	for n := 0; ; n++ {
		sample := m.sample(health)
		m.samples.add(sample)
		if n%dailyStep == 0 {
			m.daily.add(sample)
		}
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
	var last relay.Change
	if newest, ok := m.changes.newest(); ok {
		last = newest.Change
	}
	report.Links = health.links(report, last)
	return report
}

func (m *Monitor) sample(health Health) Sample {
	counts := health.decisions()
	sample := Sample{
		Time:     time.Now(),
		Sent:     counts[relay.Relayed] + counts[relay.Torn] + counts[relay.Filtered],
		Delivery: summarize(m.latencies.all()),
	}
	if server := health.Server(); server != nil {
		status := server.Status()
		sample.Clients, sample.Messages = status.Clients, status.MessagesSent
		sample.Closed, sample.Rejected = sum(status.Closed), sum(status.Rejected)+status.Dropped
	}
	return sample
}
