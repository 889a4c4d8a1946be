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
	rounds  int // default of --rounds; 0 for defaultRounds
}

// load is the load of one run. The fields without a comment have the meaning of bench.Settings.
type load struct {
	Name    string // unique within the scenario; "" if it has only one load
	Clients int
	Stalled int
	Herd    int
	Events  int
	Size    int // of an event, in bytes
	Every   time.Duration
	NoWait  bool
	Storage string // file system of the event file; "" for any
	Cores   int    // cores of the server; the clients then use the others; 0 for all cores, together with the clients
}

// reservedFiles is the number of open files of a server and of the load test that are not clients. The relay keeps
// 1,088 for handshakes and its own files.
const reservedFiles = 1200

// maxClients returns the number of clients that the limit of open files allows.
func maxClients() int {
	const most = 1 << 20
	limit := maxOpenFiles()
	if limit == 0 {
		return most
	}
	return int(min(limit, most)) - reservedFiles
}

// fit reduces the number of clients to what the limit of open files allows.
func (s scenario) fit(most int) scenario {
	loads := make([]load, len(s.loads))
	for i, l := range s.loads {
		l.Clients = min(l.Clients, most)
		l.Herd = min(l.Herd, most-l.Clients)
		loads[i] = l
	}
	s.loads = loads
	return s
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
		l.Stalled, l.Herd = min(l.Stalled, 2), min(l.Herd, 20)
	}
	return s
}
