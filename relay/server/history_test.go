package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
	"wpre-relay/schema"
)

// historyPage is a response of /history.
type historyPage struct {
	Events []struct {
		ID    schema.Position
		Time  time.Time
		Event struct{ Timestamp uint64 }
	}
	Gap  *struct{ Missing int }
	Next string
	More bool
}

func getHistory(t *testing.T, address, query string) (page historyPage) {
	t.Helper()
	_, body := request(t, "GET", "http://"+address+"/history?"+query, "")
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return page
}

func TestHistoryReturnsTheNewestEventsByDefault(t *testing.T) {
	log := logWith(t, 40, eventlog.Options{Records: 25, MemoryRecords: 4})
	_, address := serve(t, log, 0, server.Options{})
	p := getHistory(t, address, "limit=3")
	if len(p.Events) != 3 || p.Events[0].ID.Seq != 38 || p.More || p.Gap != nil {
		t.Errorf("limit=3: %+v", p)
	}
	if p = getHistory(t, address, ""); len(p.Events) != 25 || p.Gap != nil {
		t.Errorf("no limit: %d events, gap %v; want 25 events", len(p.Events), p.Gap)
	}
}

// TestHistoryPagesContainEachEventOnce follows Next from the beginning, which is no longer kept.
func TestHistoryPagesContainEachEventOnce(t *testing.T) {
	log := logWith(t, 40, eventlog.Options{Records: 25, MemoryRecords: 4})
	_, address := serve(t, log, 0, server.Options{})
	var got []uint64
	next := log.Epoch() + "-0"
	for pages := 0; ; pages++ {
		p := getHistory(t, address, "limit=4&since="+next)
		if (p.Gap != nil) != (pages == 0) || pages == 0 && p.Gap.Missing != 15 {
			t.Errorf("page %d has gap %+v", pages, p.Gap)
		}
		for _, e := range p.Events {
			if e.Event.Timestamp != e.ID.Seq || e.Time.IsZero() {
				t.Errorf("event %+v", e)
			}
			got = append(got, e.ID.Seq)
		}
		if next = p.Next; !p.More {
			break
		}
	}
	if len(got) != 25 || got[0] != 16 || got[24] != 40 || !slices.IsSorted(got) {
		t.Errorf("got %v, want 16 to 40", got)
	}
}

// TestPositionInALostEntryGetsGap serves a mirror whose record 2 has another tag than the client's, because the broker
// has lost that entry. A position of a release without tags is not verified.
func TestPositionInALostEntryGetsGap(t *testing.T) {
	mirror := eventlog.NewMirror(schema.Position{Epoch: "one"}, eventlog.Options{})
	for seq := range uint64(3) {
		at := schema.Position{Epoch: "one", Seq: seq + 1, Tag: fmt.Sprintf("%08d", seq+1)}
		mirror.Put(eventlog.NewRecord(at, time.Now(), event(t, document(int(seq)+1))))
	}
	srv := server.New(mirror.Reader, 0, server.Options{Logger: quiet})
	for since, want := range map[string]string{
		"one-2":         `{"events":[{"id":"one00000003-3"`,
		"one00000002-2": `{"events":[{"id":"one00000003-3"`,
		"one00000009-2": `{"gap":{"since":"one00000009-2","until":"one-0"},"events":[{"id":"one00000001-1"`,
	} {
		response := serveHTTP(srv, "/history?since="+since)
		if body := response.Body.String(); !strings.HasPrefix(body, want) {
			t.Errorf("since=%s: got %s, want %s…", since, body, want)
		}
	}
}

// TestHistoryPageEndsBeforeGapRecord follows the pages of a mirror whose record 3 replaces lost ones.
func TestHistoryPageEndsBeforeGapRecord(t *testing.T) {
	mirror := eventlog.NewMirror(schema.Position{Epoch: "one"}, eventlog.Options{})
	at := func(seq uint64) schema.Position { return schema.Position{Epoch: "one", Seq: seq} }
	mirror.Put(eventlog.NewGapRecord(at(1), time.Now()))
	mirror.Put(eventlog.NewRecord(at(2), time.Now(), event(t, document(2))))
	mirror.Put(eventlog.NewGapRecord(at(3), time.Now()))
	srv := server.New(mirror.Reader, 0, server.Options{Logger: quiet})
	for since, want := range map[string]string{
		"one-0":   `{"gap":{"since":"one-0","until":"one-1"},"events":[{"id":"one-2"`,
		"one-1":   `{"events":[{"id":"one-2"`,
		"one-2":   `{"gap":{"since":"one-2","until":"one-3"},"events":[],"next":"one-3","more":false}`,
		"other-1": `{"gap":{"since":"other-1","until":"one-1"},"events":[{"id":"one-2"`,
	} {
		response := serveHTTP(srv, "/history?since="+since)
		if body := response.Body.String(); !strings.HasPrefix(body, want) {
			t.Errorf("since=%s: got %s, want %s…", since, body, want)
		}
	}
}
