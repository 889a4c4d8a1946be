package eventlog

import (
	"encoding/binary"
	"time"

	"wpre-relay/schema"
)

// Record is an event in its place. It is immutable and shared by all clients.
type Record struct {
	Position schema.Position
	Time     time.Time // when it was appended, UTC, to the microsecond
	Event    schema.Event

	frame []byte // Event.Document is its payload
}

// Frame returns the event as one whole WebSocket text message from a server: a single unmasked frame (RFC 6455
// §5.2), the same for every client, built once. Do not change it.
func (r *Record) Frame() []byte { return r.frame }

// NewRecord returns the record of an event in its place, for Put. It keeps nothing of ev's document.
func NewRecord(at schema.Position, time time.Time, ev schema.Event) *Record {
	return newRecord(at, time, ev)
}

// Void returns a record that holds no event: its number is given to nothing, so that nobody misses it. Nobody may be shown
// it.
func Void(at schema.Position, time time.Time) *Record { return &Record{Position: at, Time: time} }

// IsVoid reports whether it is one of Void.
func (r *Record) IsVoid() bool { return r.frame == nil }

// newRecord builds the frame and lets the event share its memory.
func newRecord(at schema.Position, now time.Time, ev schema.Event) *Record {
	frame := TextFrame(ev.Document)
	ev.Document = frame[len(frame)-len(ev.Document):]
	return &Record{Position: at, Time: now, Event: ev, frame: frame}
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

// TextFrame returns text as one whole WebSocket text message from a server (RFC 6455 §5.2).
func TextFrame(text []byte) []byte {
	const finalText = 0x81
	frame := make([]byte, 0, 10+len(text))
	switch n := len(text); {
	case n <= 125:
		frame = append(frame, finalText, byte(n))
	case n <= 0xffff:
		frame = binary.BigEndian.AppendUint16(append(frame, finalText, 126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, finalText, 127), uint64(n))
	}
	return append(frame, text...)
}
