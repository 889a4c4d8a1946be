package admin

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"wpre-relay/relay/server"
)

// collector reads all metrics of the relay from one report.
type collector struct{ health Health }

// metric describes one metric, with its labels.
func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("wpre_relay_"+name, help, labels, nil)
}

var (
	eventsTotal      = metric("events_total", "Changes of the event file, by what became of them.", "decision")
	clients          = metric("clients", "Clients that are connected.", "transport")
	rejectedTotal    = metric("connections_rejected_total", "Clients that were refused.", "reason")
	closesTotal      = metric("closes_total", "Connections that have ended, by WebSocket close code: 1006 without one, none for event streams.", "code")
	messagesTotal    = metric("messages_sent_total", "Events given to clients' sockets.")
	watcherMode      = metric("watcher_mode", "1 for the way in which the event file is watched.", "mode")
	watcherOutbox    = metric("watcher_outbox", "1 if the companion in WordPress keeps every event for the relay, else 0.")
	watcherOverflows = metric("watcher_overflows_total", "Times the kernel dropped notifications.")
	watcherRearmed   = metric("watcher_rearmed_total", "Times the watch was set up anew.")
	forwarded        = metric("forwarded_messages_total", "Clients' messages for the site, by what became of them.", "result")
	brokerConnected  = metric("broker_connected", "1 while the broker can be reached, else 0.")
	brokerReconnects = metric("broker_reconnects_total", "Times the broker has come back.")
	brokerPending    = metric("broker_pending_events", "Events captured here that the broker has not taken yet.")
	brokerLost       = metric("broker_lost_events_total", "Events captured here that were no longer kept when the broker was back.")
	ready            = metric("ready", "1 if /readyz says so.")
	journalOK        = metric("journal_ok", "1 if the journal holds all events.")
	eventsKept       = metric("events_kept", "Events that clients can resume over, at most.")
	buildInfo        = metric("build_info", "1, for the version that runs.", "version", "goversion")
)

// registry returns all metrics: the relay's, and those of its process and of Go.
func registry(health Health, monitor *Monitor) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{health},
		monitor.histogram,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// Describe implements prometheus.Collector.
func (c collector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{eventsTotal, clients, rejectedTotal, closesTotal, messagesTotal, watcherMode,
		watcherOutbox, watcherOverflows, watcherRearmed, brokerConnected, brokerReconnects, brokerPending, brokerLost, forwarded, ready, journalOK, eventsKept, buildInfo} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(metrics chan<- prometheus.Metric) {
	count := func(desc *prometheus.Desc, n uint64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	report := c.health.report()
	for decision, n := range report.Decisions {
		count(eventsTotal, n, string(decision))
	}
	gauge(clients, float64(report.Server.Clients-report.Server.EventStreams), "websocket")
	gauge(clients, float64(report.Server.EventStreams), "sse")
	for reason, n := range withZeros(report.Server.Rejected, server.RefusalReasons) {
		count(rejectedTotal, n, reason)
	}
	for code, n := range report.Server.Closed {
		count(closesTotal, n, code)
	}
	count(messagesTotal, report.Server.MessagesSent)
	if watch := report.Watch; watch != nil {
		if watch.Mode != "" {
			gauge(watcherMode, 1, watch.Mode)
		}
		gauge(watcherOutbox, truth(watch.Outbox))
		count(watcherOverflows, watch.Overflows)
		count(watcherRearmed, watch.Rearmed)
	}
	sent, dropped, failed := c.health.Forward()
	count(forwarded, sent, "sent")
	count(forwarded, dropped, "dropped")
	count(forwarded, failed, "failed")
	if broker := report.Broker; broker != nil {
		gauge(brokerConnected, truth(broker.Connected))
		count(brokerReconnects, broker.Reconnects)
		gauge(brokerPending, float64(broker.Pending))
		count(brokerLost, broker.Lost)
	}
	gauge(ready, truth(report.NotReady == ""))
	gauge(journalOK, truth(report.JournalError == ""))
	gauge(eventsKept, float64(report.Kept))
	gauge(buildInfo, 1, report.Version, runtime.Version())
}

// withZeros adds the names that were not counted yet, so that a first one is seen as a rise.
func withZeros(counts map[string]uint64, names []string) map[string]uint64 {
	for _, name := range names {
		if _, known := counts[name]; !known {
			counts[name] = 0
		}
	}
	return counts
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
