package fanout

import (
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

func TestGapRecordBecomesGapNoticeInPlace(t *testing.T) {
	at := func(seq uint64) schema.Position { return schema.Position{Epoch: "one", Seq: seq} }
	record := func(seq uint64) *eventlog.Record {
		return eventlog.NewRecord(at(seq), time.Time{}, schema.Event{Document: []byte("{}")})
	}
	log := eventlog.NewMirror(at(0), eventlog.Options{}).Reader
	recs := []*eventlog.Record{record(1), eventlog.NewGapRecord(at(2), time.Time{}),
		eventlog.NewTombstone(at(3), time.Time{}), record(4)}
	for format, want := range map[Format]string{
		SSE: "id: one-1\ndata: {}\n\n" +
			"id: one-2\nevent: gap\ndata: {\"since\":\"one-1\",\"until\":\"one-2\"}\n\n" +
			"id: one-4\ndata: {}\n\n",
		Plain: string(appendTextFrame(appendTextFrame(nil, []byte("{}")), []byte("{}"))),
	} {
		var b batch
		b.fill(audience{format: format}, log, span{recs: recs, upTo: 4, next: 4})
		if events := b.frames[len(b.frames)-1].events; string(b.joined) != want || events != 2 {
			t.Errorf("format %d: %d events, %q, want %q", format, events, b.joined, want)
		}
	}
}
