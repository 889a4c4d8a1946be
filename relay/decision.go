package relay

import "sync/atomic"

// Decision is what became of one change of the file.
type Decision string

// The decisions. Each change of the file gets one.
const (
	Relayed   Decision = "relayed"   // a new event, sent to the clients
	Torn      Decision = "torn"      // the same, out of a file with the tail of an older one behind it
	Duplicate Decision = "duplicate" // an event that was sent before
	Filtered  Decision = "filtered"  // a new event, torn or not, that the public may not see; others may
	Invalid   Decision = "invalid"   // no event

	// Overwritten is a change that was gone before it could be read. It is counted where the file is read.
	Overwritten Decision = "overwritten"
)

// decisions are those that Ingest takes.
var decisions = [...]Decision{Relayed, Torn, Duplicate, Filtered, Invalid}

// Decisions counts decisions. It may be used from several goroutines.
type Decisions struct {
	counts [len(decisions)]atomic.Uint64
}

func (d *Decisions) count(decision Decision) {
	for i := range decisions {
		if decisions[i] == decision {
			d.counts[i].Add(1)
		}
	}
}

// Counts returns the count of each decision.
func (d *Decisions) Counts() map[Decision]uint64 {
	counts := make(map[Decision]uint64, len(decisions))
	for i, decision := range decisions {
		counts[decision] = d.counts[i].Load()
	}
	return counts
}
