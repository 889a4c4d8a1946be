package relay

import (
	"sync/atomic"
	"time"

	"wpre-relay/schema"
)

// Decision is what became of one change of the file.
type Decision string

// The decisions. Each change of the file gets one.
const (
	Relayed   Decision = "relayed"   // a new event, sent to the clients
	Torn      Decision = "torn"      // the same, out of a file with the tail of an older one behind it
	Duplicate Decision = "duplicate" // an event that was sent before
	Filtered  Decision = "filtered"  // a new event, torn or not, that the public may not see; others may
	Invalid   Decision = "invalid"   // no event

	// Overwritten is a change that was gone before it could be read, as far as the watcher can estimate.
	Overwritten Decision = "overwritten"
)

var decisions = [...]Decision{Relayed, Torn, Duplicate, Filtered, Invalid, Overwritten}

// Change is a change of the file, or several that were overwritten, and what became of it.
type Change struct {
	Time     time.Time // when that was decided
	Decision Decision
	Event    schema.Event // none if it is Invalid or Overwritten
	Bytes    int          // of the event's compact document, or of the file if it is Invalid
	Reason   string       // why it is Invalid
	Writes   uint64       // how many changes this stands for: more than one only if they are Overwritten
}

// Decisions counts decisions. It may be used from several goroutines.
type Decisions struct {
	counts [len(decisions)]atomic.Uint64
}

func (d *Decisions) count(decision Decision, n uint64) {
	for i := range decisions {
		if decisions[i] == decision {
			d.counts[i].Add(n)
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
