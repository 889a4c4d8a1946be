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
	base    string // the server that the others are compared with; "" compares each with itself under the first load
	by      string // what sets the loads apart
	loads   []load
	columns []column
}

// load is what clients and writer do in one run.
type load struct {
	Name    string // what sets it apart from the scenario's other loads; "" if there is one only
	Clients int
	Stalled int // of the clients never read
	Churn   int // more clients come and go each second
	Events  int
	Size    int // bytes of an event
	Every   time.Duration
	NoWait  bool // write at the pace of Every even if not all clients have the last event
}

const (
	usual = 160 // bytes of an event, as most of the plugin's; one without a title has a few less
	kib   = 1 << 10
)

var (
	everyone = []string{"relay", "baseline", "gws", "coder", "node", "chokidar"}
	spread   = []string{"relay", "baseline", "gws", "node"}
	lasting  = []string{"relay", "gws", "node"}
)

// scenarios is all that can be measured. Where gaps are given, chokidar needs them: it takes no notice of a change
// within 50ms of the last, and each event that is lost while clients are waited for costs seconds.
var scenarios = []scenario{
	{
		name:    "fanout",
		about:   "One event to 10,000 clients, 50 times.",
		servers: everyone,
		base:    "baseline",
		loads:   []load{{Clients: 10_000, Events: 50, Size: usual, Every: 100 * time.Millisecond}},
		columns: []column{
			cpu, throughput, firstP50, firstP99, lastP50, lastP99, connectRate, idleMemory, peakMemory, lost,
		},
	},
	{
		name:    "latency",
		about:   "From the write to the one client; an event every 2 ms, whether the last has arrived or not.",
		servers: everyone,
		base:    "baseline",
		loads:   []load{{Clients: 1, Events: 2000, Size: usual, Every: 2 * time.Millisecond, NoWait: true}},
		columns: []column{lastP50, lastP99, captured},
	},
	{
		name:    "capture",
		about:   "What share of 2,000 events reaches the client, by the gap between them.",
		servers: everyone,
		base:    "baseline",
		by:      "gap",
		loads: []load{
			{Name: "no gap", Clients: 1, Events: 2000, Size: usual, NoWait: true},
			{Name: "50 µs", Clients: 1, Events: 2000, Size: usual, Every: 50 * time.Microsecond, NoWait: true},
			{Name: "200 µs", Clients: 1, Events: 2000, Size: usual, Every: 200 * time.Microsecond, NoWait: true},
			{Name: "1 ms", Clients: 1, Events: 2000, Size: usual, Every: time.Millisecond, NoWait: true},
			{Name: "5 ms", Clients: 1, Events: 2000, Size: usual, Every: 5 * time.Millisecond, NoWait: true},
		},
		columns: []column{captured},
	},
	{
		name:    "size",
		about:   "1,000 clients, by the size of the event.",
		servers: spread,
		base:    "baseline",
		by:      "event",
		loads: []load{
			{Name: "160 B", Clients: 1000, Events: 200, Size: usual},
			{Name: "1 KiB", Clients: 1000, Events: 200, Size: kib},
			{Name: "16 KiB", Clients: 1000, Events: 100, Size: 16 * kib},
			{Name: "192 KiB", Clients: 1000, Events: 20, Size: 192 * kib},
		},
		columns: []column{cpu, throughput, lost},
	},
	{
		name:    "clients",
		about:   "By the number of clients.",
		servers: spread,
		base:    "baseline",
		by:      "clients",
		loads: []load{
			{Name: "1,000", Clients: 1000, Events: 100, Size: usual},
			{Name: "5,000", Clients: 5000, Events: 30, Size: usual},
			{Name: "10,000", Clients: 10_000, Events: 20, Size: usual},
			{Name: "19,000", Clients: 19_000, Events: 20, Size: usual},
		},
		columns: []column{cpu, lastP50, lost},
	},
	{
		name:    "stalled",
		about:   "1,000 clients and 300 events of 16 KiB, by how many of the clients never read.",
		servers: lasting,
		by:      "never read",
		loads: []load{
			{Name: "none", Clients: 1000, Events: 300, Size: 16 * kib},
			{Name: "100", Clients: 1000, Stalled: 100, Events: 300, Size: 16 * kib},
		},
		columns: []column{throughput, lastP99, peakRSS, kernelMemory, lost},
	},
	{
		name:    "churn",
		about:   "5,000 clients, by how many more come and go each second.",
		servers: lasting,
		by:      "a second",
		loads: []load{
			{Name: "none", Clients: 5000, Events: 50, Size: usual, Every: 100 * time.Millisecond},
			{Name: "200", Clients: 5000, Churn: 200, Events: 50, Size: usual, Every: 100 * time.Millisecond},
		},
		columns: []column{lastP50, lastP99, lost},
	},
}

// title names l, a load of s.
func (s scenario) title(l load) string { return strings.TrimSpace(s.name + " " + l.Name) }

// small returns s with little to do: it shows that everything runs, and measures nothing.
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
