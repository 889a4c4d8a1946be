package relay

import (
	"sync/atomic"
	"time"

	"wpre-relay/schema"
)

// Decision is the result for one change of the event file. Its values are labels of metrics.
type Decision string

// The decisions. Every change of the event file gets exactly one.
const (
	Relayed   Decision = "relayed"   // a new event, appended to the log
	Torn      Decision = "torn"      // a new event, followed by the tail of an older one, which is ignored
	Duplicate Decision = "duplicate" // an event that was relayed before
	Filtered  Decision = "filtered"  // a new event, torn or not, that the public does not see
	Invalid   Decision = "invalid"   // not an event

	// Overwritten is a change that was overwritten before the watcher read it. From the event file, the watcher can
	// only estimate the number of such changes; from the outbox it is exact.
	Overwritten Decision = "overwritten"
)

var allDecisions = [...]Decision{Relayed, Torn, Duplicate, Filtered, Invalid, Overwritten}

// Change is a change of the event file, or several overwritten ones, and the decision about it.
type Change struct {
	Time     time.Time // time of the decision
	Decision Decision
	Event    schema.Event // zero if Invalid or Overwritten
	Bytes    int          // size of the event's compact document or, if Invalid, of the content
	Reason   string       // why it is Invalid, otherwise ""
	Writes   uint64       // number of changes; 1 unless Overwritten
}

// Trace has the callbacks of Options that show the steps of an event. The zero value has none.
type Trace struct {
	OnRead     func(content []byte)
	OnDecision func(Change)
	OnAppend   func(ev schema.Event, begun, ended time.Time)
}

// Decisions counts decisions. Its methods may be called concurrently.
type Decisions struct {
	counts [len(allDecisions)]atomic.Uint64
}

func (d *Decisions) add(decision Decision, n uint64) {
	for i := range allDecisions {
		if allDecisions[i] == decision {
			d.counts[i].Add(n)
		}
	}
}

// Counts returns the number of changes by decision.
func (d *Decisions) Counts() map[Decision]uint64 {
	counts := make(map[Decision]uint64, len(allDecisions))
	for i, decision := range allDecisions {
		counts[decision] = d.counts[i].Load()
	}
	return counts
}

// CountOverwritten counts writes that were overwritten before they could be read.
func (r *Relay) CountOverwritten(writes uint64) {
	r.record(Change{Decision: Overwritten, Writes: writes})
}

// rejectContent records a content as Invalid.
func (r *Relay) rejectContent(reason error, size int) {
	r.record(Change{Decision: Invalid, Bytes: size, Reason: reason.Error()})
	r.opts.Logger.Warn("invalid event, keeping the last one", "decision", Invalid, "reason", reason, "bytes", size)
}

// decide records a decision about an event.
func (r *Relay) decide(d Decision, ev schema.Event) {
	r.record(Change{Decision: d, Event: ev, Bytes: len(ev.Document)})
	r.opts.Logger.Debug("change decided", "decision", d, "type", ev.Type, "bytes", len(ev.Document))
}

// record counts a change and calls OnDecision.
func (r *Relay) record(c Change) {
	c.Time, c.Writes = time.Now(), max(1, c.Writes)
	r.counts.add(c.Decision, c.Writes)
	r.opts.OnDecision(c)
}
