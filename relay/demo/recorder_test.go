package demo

import (
	"context"
	"os"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// newTestSite returns a site that is removed after the test.
func newTestSite(t *testing.T) *Site {
	t.Helper()
	site, err := NewSite(NewRecorder())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(site.Root) })
	return site
}

// save saves posts and returns their traces, the oldest first.
func save(t *testing.T, site *Site, statuses ...string) []*Trace {
	t.Helper()
	for _, status := range statuses {
		if _, err := site.Save("A post", status); err != nil {
			t.Fatal(err)
		}
	}
	return site.recorder.traces
}

// TestTraceHasTheStepsInOrder ingests a saved post into a relay, which appends it directly or through its queue.
func TestTraceHasTheStepsInOrder(t *testing.T) {
	for _, direct := range []bool{false, true} {
		site := newTestSite(t)
		log, err := eventlog.Open(t.TempDir(), eventlog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		trace := site.recorder.Trace()
		rel := relay.New(log, relay.Options{
			OnRead: trace.OnRead, OnDecision: trace.OnDecision, OnAppend: trace.OnAppend,
			Direct: func() bool { return direct },
		})
		saved := save(t, site, "publish")[0]
		if err := rel.Ingest(t.Context(), saved.content, time.Now()); err != nil {
			t.Fatal(err)
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		rel.Run(stopped) // appends the queued events
		if saved.Decision != relay.Relayed || saved.Written <= 0 || saved.Read <= 0 || saved.Decided < saved.Read ||
			saved.Journal < saved.Decided {
			t.Errorf("direct %v: %+v", direct, saved)
		}
	}
}

// TestUnreadPostsAreOverwritten lets the relay read the second of three posts only.
func TestUnreadPostsAreOverwritten(t *testing.T) {
	site := newTestSite(t)
	traces := save(t, site, "publish", "publish", "publish")
	site.recorder.read(traces[1].content)
	for i, want := range []relay.Decision{relay.Overwritten, "", ""} {
		if traces[i].Decision != want || (traces[i].Read != 0) != (i == 1) {
			t.Errorf("post %d: %+v, want decision %q", i+1, traces[i], want)
		}
	}
}

// TestUnknownEventsAreNotTraced passes events that the site has not saved.
func TestUnknownEventsAreNotTraced(t *testing.T) {
	site := newTestSite(t)
	trace := save(t, site, "publish")[0]
	before := *trace
	site.recorder.read([]byte(`{"timestamp":1}`))
	site.recorder.decide(relay.Change{Time: time.Now(), Decision: relay.Invalid})
	site.recorder.appended(schema.Event{}, time.Now(), time.Now())
	site.recorder.receive(1, 99, time.Hour, 0)
	if trace.version != before.version {
		t.Errorf("the trace changed to %+v", trace)
	}
}

// TestReceiptsAreBounded reports the same event several times, by more pages than can be connected.
func TestReceiptsAreBounded(t *testing.T) {
	site := newTestSite(t)
	trace := save(t, site, "publish")[0]
	after := trace.Begun.Sub(site.recorder.start) + time.Millisecond
	for page := range 2 * maxPages {
		site.recorder.receive(page, 1, after, time.Microsecond)
		site.recorder.receive(page, 1, time.Hour, 0)
		site.recorder.receive(page+maxPages, 1, -time.Hour, 0) // before the write
	}
	if len(trace.Receipts) != maxPages || trace.Receipts[0] != (Receipt{0, 1, .001}) {
		t.Errorf("got %d receipts: %+v", len(trace.Receipts), trace.Receipts)
	}
}

func TestTracesAndPagesAreBounded(t *testing.T) {
	site := newTestSite(t)
	for range maxTraces + 5 {
		save(t, site, "draft")
	}
	traces, version, _ := site.recorder.after(0)
	if len(traces) != maxTraces || traces[0].Post != 6 {
		t.Errorf("got %d traces from post %d", len(traces), traces[0].Post)
	}
	if traces, _, _ = site.recorder.after(version); len(traces) != 0 {
		t.Errorf("%d traces have changed since their version", len(traces))
	}
	for number := 1; number <= maxPages; number++ {
		if got := site.recorder.join(); got != number {
			t.Errorf("page %d got number %d", number, got)
		}
	}
	if site.recorder.join() != 0 {
		t.Error("one page too many has joined")
	}
	site.recorder.leave()
	if site.recorder.join() != maxPages+1 {
		t.Error("no page can join after one has left")
	}
}
