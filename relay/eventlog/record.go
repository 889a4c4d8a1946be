package eventlog

import (
	"slices"
	"time"

	"wpre-relay/schema"
)

// Record is an event and its position. It is immutable and shared by all clients.
type Record struct {
	Position schema.Position
	Time     time.Time // when it was appended, UTC, to the microsecond
	Event    schema.Event

	gap bool // made by NewGapRecord
}

// NewRecord returns the record of an event, for Mirror.Put. It copies the document, so that the caller may reuse
// the memory of ev.
func NewRecord(at schema.Position, time time.Time, ev schema.Event) *Record {
	ev.Document = slices.Clone(ev.Document)
	return &Record{Position: at, Time: time, Event: ev}
}

// NewTombstone returns a record without an event. It occupies a sequence number that has no event, so that clients
// do not get a gap notice for it. It must not be sent to clients.
func NewTombstone(at schema.Position, time time.Time) *Record {
	return &Record{Position: at, Time: time}
}

// NewGapRecord returns a record without an event. It represents an unknown number of lost ones: clients get a gap
// notice in its place.
func NewGapRecord(at schema.Position, time time.Time) *Record {
	return &Record{Position: at, Time: time, gap: true}
}

// IsGap reports whether r was made by NewGapRecord.
func (r *Record) IsGap() bool { return r.gap }

// IsTombstone reports whether r has no event.
func (r *Record) IsTombstone() bool { return r.Event.Document == nil }

// line returns the record's line in the journal.
func (r *Record) line() schema.Line {
	return schema.Line{
		Stamp:    schema.Stamp{Position: r.Position, Time: r.Time},
		From:     r.Event.From,
		Document: r.Event.Document,
	}
}

// parseRecord returns the record of a line in the journal.
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
	return NewRecord(l.Position, l.Time, ev), nil
}
