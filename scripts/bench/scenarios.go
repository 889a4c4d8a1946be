package main

import (
	"fmt"
	"time"
)

const (
	usualSize = 160 // size of a typical event, in bytes
	smallest  = 154 // an event without a title; without white space, it has 110 bytes
	kib       = 1 << 10

	defaultRounds = 5
)

var (
	peers   = []string{"relay", "baseline", "gws", "coder", "node"}
	bounded = []string{"relay", "gws", "node"}
	tlsWays = []string{"relay", "relay-tls", "relay-nginx"}
)

// scenarios are all scenarios.
var scenarios = []scenario{
	{
		name:    "latency",
		about:   "From the start of the write to a single client. One event every 4 ms.",
		servers: append(peers[:len(peers):len(peers)], "chokidar"),
		base:    "baseline",
		by:      "file system",
		loads:   []load{latency("tmpfs"), latency("ext4")},
		columns: []column{lastP50, lastP90, lastP99, captured, altered, emptyMemory, emptyAnonymous},
	},
	{
		name:    "capture",
		about:   "Share of 2,000 events that reaches the client, by the pause between two writes of one writer.",
		servers: peers,
		base:    "baseline",
		by:      "pause",
		loads:   []load{capture(0), capture(50), capture(100), capture(200)},
		columns: []column{captured, altered},
	},
	{
		name:    "delivery",
		about:   "One event to all clients. The clients connect with 256 handshakes in progress.",
		servers: peers,
		base:    "baseline",
		by:      "clients",
		loads: []load{
			{Name: "1,000", Clients: 1000, Events: 100, Size: usualSize, Every: 5 * time.Millisecond},
			{Name: "10,000", Clients: 10_000, Events: 30, Size: usualSize, Every: 5 * time.Millisecond},
		},
		columns: []column{cpu, firstP50, lastP50, lastP99, connectRate, idleMemory, peakMemory, lost},
	},
	{
		name: "herd",
		about: "Clients connect all at once, as after a restart, when half of the events are written, one every 20 ms. 10 " +
			"others are connected before. A client without a response tries again after 10 seconds: a time-out.",
		servers: peers,
		base:    "baseline",
		by:      "at once",
		loads: []load{
			herdOf("10,000", 10_000, 50),
			herdOf("15,000", 15_000, 50),
			herdOf("10,000, an event every 2 ms", 10_000, 500),
		},
		columns: []column{herdTime, herdTimeouts, herdRejected, captured, quietP99, duringP99, duringToQuiet},
	},
	{
		name:    "tls",
		about:   "One event to 1,000 clients: without TLS, with TLS of the relay, and with TLS of nginx before it.",
		servers: tlsWays,
		base:    "relay",
		loads:   []load{{Clients: 1000, Events: 200, Size: usualSize, Every: 10 * time.Millisecond}},
		columns: []column{cpu, lastP50, lastP99, idleMemory, peakMemory, connectRate},
	},
	{
		name: "tls-herd",
		about: "2,000 TLS clients connect all at once, as after a restart, while 10 others receive an event every 50 ms: " +
			"to the relay, and to nginx before it.",
		servers: tlsWays[1:],
		base:    "relay-nginx",
		loads: []load{{
			Clients: 10, Herd: 2000, Events: 200, Size: usualSize, Every: 50 * time.Millisecond, NoWait: true,
		}},
		columns: []column{
			herdTime, herdTimeouts, herdRejected, quietP50, duringP50, quietP99, duringP99, duringToQuiet,
		},
		rounds: 3,
	},
	{
		name: "growth",
		about: "By the number of clients, the size of the event and the cores of the server. With one core, the " +
			"clients have the other ones.",
		servers: peers[:2],
		base:    "baseline",
		by:      "clients × event, server",
		loads:   growth(),
		columns: []column{cpu, cpuPerByte, throughput, lastP50, idleMemory, peakMemory, lost},
		rounds:  1,
	},
	{
		name:    "stalled",
		about:   "1,000 clients and 300 events of 16 KiB, by the number of clients that never read.",
		servers: bounded,
		by:      "never read",
		loads: []load{
			{Name: "none", Clients: 1000, Events: 300, Size: 16 * kib},
			{Name: "100", Clients: 1000, Stalled: 100, Events: 300, Size: 16 * kib},
		},
		columns: []column{throughput, lastP99, peakRSS, kernelMemory, lost},
	},
}

func latency(storage string) load {
	return load{
		Name: storage, Storage: storage,
		Clients: 1, Events: 500, Size: usualSize, Every: 4 * time.Millisecond, NoWait: true,
	}
}

// herdOf returns the load of a herd of clients, with so many events a second for three seconds before it and three
// seconds from its start on.
func herdOf(name string, clients, perSecond int) load {
	return load{
		Name: name, Clients: 10, Herd: clients,
		Events: 6 * perSecond, Size: usualSize, Every: time.Second / time.Duration(perSecond), NoWait: true,
	}
}

func capture(micros int) load {
	return load{
		Name: fmt.Sprintf("%d µs", micros), Storage: "tmpfs", Clients: 1, Events: 2000, Size: usualSize,
		Every: time.Duration(micros) * time.Microsecond, NoWait: true,
	}
}

// growth returns every combination of clients, size and cores. It sends fewer events if one to all clients has many
// bytes, so that a run takes seconds, but enough that the first one, for which the kernel allocates memory, counts
// little.
func growth() []load {
	var loads []load
	for _, cores := range []int{1, 0} {
		on := "all cores"
		if cores == 1 {
			on = "1 core"
		}
		for _, clients := range []int{1000, 5000, 10_000, 19_000} {
			for _, size := range []int{smallest, kib, 16 * kib, 192 * kib} {
				loads = append(loads, load{
					Name:    fmt.Sprintf("%s × %s, %s", formatNumber(float64(clients)), formatBytes(size), on),
					Clients: clients,
					Size:    size,
					Cores:   cores,
					Events:  min(50, 200_000/clients, max(6, 4<<30/(clients*size))),
				})
			}
		}
	}
	return loads
}
