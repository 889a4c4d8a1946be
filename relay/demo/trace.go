package demo

import (
	"time"

	"wpre-relay/relay"
	"wpre-relay/schema"
)

// Trace has the steps of a saved post. Its times are in milliseconds since the write of the event file began; 0 means
// that the step has not been reached. All times up to Journal come from the monotonic clock of this process.
type Trace struct {
	Post   int       `json:"post"`
	Title  string    `json:"title"`
	Status string    `json:"status"`
	Begun  time.Time `json:"begun"` // when the write of the event file began
	Bytes  int       `json:"bytes"` // size of the event file

	Written  float64        `json:"written_ms"` // the event file was written and its mode set
	Read     float64        `json:"read_ms"`    // the watcher had read the content
	Decided  float64        `json:"decided_ms"`
	Decision relay.Decision `json:"decision"`   // "" until it is known
	Journal  float64        `json:"journal_ms"` // the event was in the journal on disk, without a sync

	Pages    int       `json:"pages"`    // pages that were connected when the write began
	Receipts []Receipt `json:"receipts"` // at most one per page

	content []byte
	id      schema.ID
	version uint64 // of the last change, see Recorder
}

// Receipt is the report of one page that its script had the event.
type Receipt struct {
	Page  int     `json:"page"`     // number of the page
	After float64 `json:"after_ms"` // milliseconds since the write began, by the clock of the browser
	Error float64 `json:"error_ms"` // how inexact that is: the clocks differ from the estimate by at most this time
}

// since returns the milliseconds from the start of the write until at, at least 1 ns.
func (t *Trace) since(at time.Time) float64 {
	return float64(max(1, at.Sub(t.Begun))) / float64(time.Millisecond)
}

// decide sets the time of the decision, unless an earlier one is known.
func (t *Trace) decide(at time.Time) {
	if after := t.since(at); t.Decided == 0 || after < t.Decided {
		t.Decided = after
	}
}
