package eventlog_test

import (
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// TestMirrorHasNoAppend checks the method set, because the origin of a mirror assigns all sequence numbers.
func TestMirrorHasNoAppend(t *testing.T) {
	type appender interface {
		Append(...schema.Event) []*eventlog.Record
	}
	if _, ok := any(new(eventlog.Mirror)).(appender); ok {
		t.Error("Mirror has method Append")
	}
	if _, ok := any(new(eventlog.Log)).(appender); !ok {
		t.Error("Log lacks method Append")
	}
}

func TestMirrorSkipsKnownSequenceNumbers(t *testing.T) {
	m := eventlog.NewMirror(schema.Position{Epoch: "one", Seq: 4}, eventlog.Options{})
	record := func(seq uint64) *eventlog.Record {
		at := schema.Position{Epoch: "one", Seq: seq}
		return eventlog.NewRecord(at, time.Now(), numbered(t, int(seq)))
	}
	if start, head := m.Start(), m.Head(); start.String() != "one-4" || head != start {
		t.Errorf("new mirror: Start = %v, Head = %v, want one-4", start, head)
	}
	m.Put(record(4), record(5))
	m.Put(record(5), record(5))
	m.Put(record(5), record(8)) // 6 and 7 are lost
	m.Put()
	var got []string
	for _, rec := range m.Records() {
		got = append(got, rec.Position.String())
	}
	if want := "one-5 one-8"; strings.Join(got, " ") != want {
		t.Errorf("records = %v, want %v", got, want)
	}
	if head := m.Head(); head.Seq != 8 {
		t.Errorf("Head = %v, want one-8", head)
	}
	if _, _, _, err := m.ReadMemory(nil, 0, 1<<20); err != nil {
		t.Errorf("ReadMemory of evicted records: %v, want nil, because a mirror has no journal", err)
	}
}
