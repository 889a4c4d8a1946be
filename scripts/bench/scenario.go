package main

import (
	"strings"
	"time"
)

// scenario is a comparison of servers under the same loads.
type scenario struct {
	name    string
	about   string
	servers []string
	base    string // server that the others are compared with; "" compares each with itself under the first load
	by      string // heading of the column with the names of the loads
	loads   []load
	columns []column
}

// load is the load of one run. The fields are those of bench.Settings.
type load struct {
	Name    string // unique within the scenario; "" if it has only one load
	Clients int
	Stalled int
	Churn   int
	Events  int
	Size    int // of an event, in bytes
	Every   time.Duration
	NoWait  bool
}

const (
	usualSize = 160 // size of a typical event, in bytes
	kib       = 1 << 10
)

var (
	allServers     = []string{"relay", "baseline", "gws", "coder", "node", "chokidar"}
	fanoutServers  = []string{"relay", "baseline", "gws", "node"}
	boundedServers = []string{"relay", "gws", "node"}
)

// scenarios are all scenarios. Most have a gap of 100 ms between events for chokidar: it ignores a change within 50
// ms of the previous one, and the run then waits seconds for each lost event.
var scenarios = []scenario{
	{
		name:    "fanout",
		about:   "One event to 10,000 clients, 50 times.",
		servers: allServers,
		base:    "baseline",
		loads:   []load{{Clients: 10_000, Events: 50, Size: usualSize, Every: 100 * time.Millisecond}},
		columns: []column{
			cpu, throughput, firstP50, firstP99, lastP50, lastP99, connectRate, idleMemory, peakMemory, lost,
		},
	},
	{
		name:    "latency",
		about:   "From the write to a single client. One event every 2 ms, without waiting for its delivery.",
		servers: allServers,
		base:    "baseline",
		loads:   []load{{Clients: 1, Events: 2000, Size: usualSize, Every: 2 * time.Millisecond, NoWait: true}},
		columns: []column{lastP50, lastP99, captured},
	},
	{
		name:    "capture",
		about:   "Share of 2,000 events that reaches the client, by the gap between two events.",
		servers: allServers,
		base:    "baseline",
		by:      "gap",
		loads: []load{
			{Name: "no gap", Clients: 1, Events: 2000, Size: usualSize, NoWait: true},
			{Name: "50 µs", Clients: 1, Events: 2000, Size: usualSize, Every: 50 * time.Microsecond, NoWait: true},
			{Name: "200 µs", Clients: 1, Events: 2000, Size: usualSize, Every: 200 * time.Microsecond, NoWait: true},
			{Name: "1 ms", Clients: 1, Events: 2000, Size: usualSize, Every: time.Millisecond, NoWait: true},
			{Name: "5 ms", Clients: 1, Events: 2000, Size: usualSize, Every: 5 * time.Millisecond, NoWait: true},
		},
		columns: []column{captured},
	},
	{
		name:    "size",
		about:   "1,000 clients, by the size of the event.",
		servers: fanoutServers,
		base:    "baseline",
		by:      "event",
		loads: []load{
			{Name: "160 B", Clients: 1000, Events: 200, Size: usualSize},
			{Name: "1 KiB", Clients: 1000, Events: 200, Size: kib},
			{Name: "16 KiB", Clients: 1000, Events: 100, Size: 16 * kib},
			{Name: "192 KiB", Clients: 1000, Events: 20, Size: 192 * kib},
		},
		columns: []column{cpu, throughput, lost},
	},
	{
		name:    "clients",
		about:   "By the number of clients.",
		servers: fanoutServers,
		base:    "baseline",
		by:      "clients",
		loads: []load{
			{Name: "1,000", Clients: 1000, Events: 100, Size: usualSize},
			{Name: "5,000", Clients: 5000, Events: 30, Size: usualSize},
			{Name: "10,000", Clients: 10_000, Events: 20, Size: usualSize},
			{Name: "19,000", Clients: 19_000, Events: 20, Size: usualSize},
		},
		columns: []column{cpu, lastP50, lost},
	},
	{
		name:    "stalled",
		about:   "1,000 clients and 300 events of 16 KiB, by the number of clients that never read.",
		servers: boundedServers,
		by:      "never read",
		loads: []load{
			{Name: "none", Clients: 1000, Events: 300, Size: 16 * kib},
			{Name: "100", Clients: 1000, Stalled: 100, Events: 300, Size: 16 * kib},
		},
		columns: []column{throughput, lastP99, peakRSS, kernelMemory, lost},
	},
	{
		name:    "churn",
		about:   "5,000 clients, by the number of additional clients that connect each second and leave after one.",
		servers: boundedServers,
		by:      "per second",
		loads: []load{
			{Name: "none", Clients: 5000, Events: 50, Size: usualSize, Every: 100 * time.Millisecond},
			{Name: "200", Clients: 5000, Churn: 200, Events: 50, Size: usualSize, Every: 100 * time.Millisecond},
		},
		columns: []column{lastP50, lastP99, lost},
	},
}

// title returns the name of the scenario and the load.
func (s scenario) title(l load) string { return strings.TrimSpace(s.name + " " + l.Name) }

// small returns s with a small load, which tests that the scenario runs.
func (s scenario) small() scenario {
	s.loads = []load{s.loads[0], s.loads[len(s.loads)-1]}
	if s.loads[0] == s.loads[1] {
		s.loads = s.loads[:1]
	}
	for i := range s.loads {
		l := &s.loads[i]
		l.Clients, l.Events = min(l.Clients, 20), min(l.Events, 5)
		l.Stalled, l.Churn = min(l.Stalled, 2), min(l.Churn, 20)
	}
	return s
}
