package admin

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/server"
)

// collector collects the relay's metrics from one report, so that they are consistent.
type collector struct{ health Health }

// metric returns the description of a metric with these labels.
func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("wpre_relay_"+name, help, labels, nil)
}

const closesHelp = "Closed connections, by close code: 1006 without a close frame, other for unregistered codes, " +
	"none for SSE."

const droppedHelp = "Connections of addresses far over --handshake-rate, closed without an answer."

const proxyHeadersHelp = "Connections whose PROXY protocol header was missing or unexpected."

var (
	eventsTotal      = metric("events_total", "Changes of the event file, by decision.", "decision")
	clients          = metric("clients", "Connected clients.", "transport")
	rejectedTotal    = metric("connections_rejected_total", "Rejected connections.", "reason")
	droppedTotal     = metric("connections_dropped_total", droppedHelp)
	proxyHeaders     = metric("proxy_protocol_rejected_total", proxyHeadersHelp, "header")
	closesTotal      = metric("closes_total", closesHelp, "code")
	messagesTotal    = metric("messages_sent_total", "Events written to clients' sockets.")
	bufferBytes      = metric("buffer_bytes", "Bytes held for clients that read slowly.")
	bufferLimit      = metric("buffer_limit_bytes", "Maximum of wpre_relay_buffer_bytes.")
	bufferRefused    = metric("buffer_refused_total", "Times an address got no more of the buffer.")
	historyAnswers   = metric("history_answers", "Answers of /history in progress.")
	watcherMode      = metric("watcher_mode", "1 for the current watch mode.", "mode")
	watcherOutbox    = metric("watcher_outbox", "1 if the companion keeps every event in its outbox, else 0.")
	outboxBypassed   = metric("outbox_bypassed_total", "Events relayed without their lines, by an unreadable outbox.")
	watcherOverflows = metric("watcher_overflows_total", "Times the kernel dropped notifications.")
	watcherRearmed   = metric("watcher_rearmed_total", "Times the watch was set up again.")
	forwarded        = metric("forwarded_messages_total", "Clients' messages for the site, by result.", "result")
	brokerConnected  = metric("broker_connected", "1 while the broker is reachable, else 0.")
	brokerReconnects = metric("broker_reconnects_total", "Times the connection to the broker was restored.")
	brokerPending    = metric("broker_pending_events", "Captured events that the broker has not stored.")
	brokerLost       = metric("broker_lost_events_total", "Captured events that will never be published.")
	ready            = metric("ready", "1 if /readyz returns 200, else 0.")
	journalOK        = metric("journal_ok", "1 if the journal holds all events, else 0.")
	stateOK          = metric("state_ok", "1 if no state file is lost, else 0.")
	stateRestored    = metric("state_restored_total", "Times lost state files were re-created.")
	fileErrors       = metric("file_errors_total", "Failed calls on state files, by call.", "call")
	eventsKept       = metric("events_kept", "Maximum number of events that clients can resume over.")
	logDropped       = metric("log_lines_dropped_total", "Log lines that the log did not accept.")
	buildInfo        = metric("build_info", "1, labeled with the version.", "version", "goversion")
)

var allMetrics = []*prometheus.Desc{
	eventsTotal, clients, rejectedTotal, droppedTotal, proxyHeaders, closesTotal, messagesTotal, bufferBytes, bufferLimit,
	bufferRefused, historyAnswers, watcherMode, watcherOutbox, outboxBypassed,
	watcherOverflows, watcherRearmed, brokerConnected, brokerReconnects, brokerPending, brokerLost, forwarded, ready,
	journalOK, stateOK, stateRestored, fileErrors, eventsKept, buildInfo,
}

// registry returns a registry with the metrics of the relay, of its process and of Go.
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
	for _, desc := range allMetrics {
		descs <- desc
	}
}

// metrics is the channel of a collection.
type metrics chan<- prometheus.Metric

func (m metrics) counter(desc *prometheus.Desc, n uint64, labels ...string) {
	m <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
}

func (m metrics) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	m <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	m, report := metrics(out), c.health.report()
	for decision, n := range report.Decisions {
		m.counter(eventsTotal, n, string(decision))
	}
	m.collectServer(report.Server)
	if report.Watch != nil {
		m.collectWatch(report.Watch)
		m.counter(outboxBypassed, c.health.Relay.Bypassed())
	}
	sent, dropped, failed := c.health.Forward()
	m.counter(forwarded, sent, "sent")
	m.counter(forwarded, dropped, "dropped")
	m.counter(forwarded, failed, "failed")
	if broker := report.Broker; broker != nil {
		m.gauge(brokerConnected, boolValue(broker.Connected))
		m.counter(brokerReconnects, broker.Reconnects)
		m.gauge(brokerPending, float64(broker.Pending))
		m.counter(brokerLost, broker.Lost)
	}
	missing, unexpected := c.health.Proxies()
	m.counter(proxyHeaders, missing, "missing")
	m.counter(proxyHeaders, unexpected, "unexpected")
	m.gauge(ready, boolValue(report.NotReady == ""))
	m.gauge(journalOK, boolValue(report.JournalError == ""))
	m.gauge(stateOK, boolValue(report.StateProblem == ""))
	m.counter(stateRestored, report.StateRestored)
	for call, n := range withZeros(c.health.Files.report().counts, durable.Calls) {
		m.counter(fileErrors, n, call)
	}
	m.gauge(eventsKept, float64(report.Kept))
	m.counter(logDropped, c.health.LogDropped())
	m.gauge(buildInfo, 1, report.Version, runtime.Version())
}

func (m metrics) collectServer(status server.Status) {
	m.gauge(clients, float64(status.Clients-status.EventStreams), "websocket")
	m.gauge(clients, float64(status.EventStreams), "sse")
	for reason, n := range withZeros(status.Rejected, server.RejectionReasons()) {
		m.counter(rejectedTotal, n, reason)
	}
	m.counter(droppedTotal, status.Dropped)
	for code, n := range status.Closed {
		m.counter(closesTotal, n, code)
	}
	m.counter(messagesTotal, status.MessagesSent)
	m.gauge(bufferBytes, float64(status.Buffers.Used))
	m.gauge(bufferLimit, float64(status.Buffers.Total))
	m.counter(bufferRefused, status.Buffers.Refused)
	m.gauge(historyAnswers, float64(status.History))
}

func (m metrics) collectWatch(watch *Watch) {
	if watch.Mode != "" {
		m.gauge(watcherMode, 1, watch.Mode)
	}
	m.gauge(watcherOutbox, boolValue(watch.Outbox))
	m.counter(watcherOverflows, watch.Overflows)
	m.counter(watcherRearmed, watch.Rearmed)
}

// withZeros adds a zero for each name without a count, so that Prometheus sees the first count as an increase.
func withZeros(counts map[string]uint64, names []string) map[string]uint64 {
	for _, name := range names {
		if _, known := counts[name]; !known {
			counts[name] = 0
		}
	}
	return counts
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
