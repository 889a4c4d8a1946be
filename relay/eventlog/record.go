package eventlog

import (
	"slices"
	"time"

	"wpre-relay/schema"
)

// Record is an event in its place. It is immutable and shared by all clients.
type Record struct {
	Position schema.Position
	Time     time.Time // when it was appended, UTC, to the microsecond
	Event    schema.Event
}

// NewRecord returns the record of an event in its place, for Put. It keeps nothing of ev's document.
func NewRecord(at schema.Position, time time.Time, ev schema.Event) *Record {
	return newRecord(at, time, ev)
}

// Void returns a record that holds no event: its number is given to nothing, so that nobody misses it. Nobody may be shown
// it.
func Void(at schema.Position, time time.Time) *Record { return &Record{Position: at, Time: time} }

// IsVoid reports whether it is one of Void.
func (r *Record) IsVoid() bool { return r.Event.Document == nil }

// newRecord returns a record with its own copy of the document, so that the caller may reuse ev's memory.
func newRecord(at schema.Position, now time.Time, ev schema.Event) *Record {
	ev.Document = slices.Clone(ev.Document)
	return &Record{Position: at, Time: now, Event: ev}
}

// line returns the record as the journal keeps it.
func (r *Record) line() schema.Line {
	return schema.Line{Stamp: schema.Stamp{Position: r.Position, Time: r.Time}, From: r.Event.From, Document: r.Event.Document}
}

// parseRecord returns the record that a line of the journal holds.
func parseRecord(text []byte) (*Record, error) {
	l, err := schema.ParseLine(text)
	if err != nil {
		return nil, err
	}
	ev, _, err := schema.Decode(l.Document, len(l.Document))
	if err != nil {
		return nil, err
	}
	ev.From = l.From
	return newRecord(l.Position, l.Time, ev), nil
}
