package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/eventlog"
)

var quiet = slog.New(slog.DiscardHandler)

// newRelay returns a relay that runs until the test ends, and its log in dir. The test may close the log earlier.
func newRelay(t testing.TB, dir string, opts eventlog.Options) (*relay.Relay, *eventlog.Log) {
	t.Helper()
	opts.Logger = quiet
	log, err := eventlog.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	r := relay.New(log, relay.Options{Logger: quiet})
	run(t, r)
	return r, log
}

// run runs r until the test ends or stop is called.
func run(t testing.TB, r *relay.Relay) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func ingest(t testing.TB, r *relay.Relay, files ...string) {
	t.Helper()
	for _, file := range files {
		if err := r.Ingest(t.Context(), []byte(file), time.Now()); err != nil {
			t.Fatalf("Ingest(%.60q): %v", file, err)
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func documents(log *eventlog.Log) string {
	var docs []string
	for _, rec := range log.Records() {
		docs = append(docs, string(rec.Event.Document))
	}
	return strings.Join(docs, " ")
}

func post(timestamp int, title string) string {
	return fmt.Sprintf(`{"timestamp":%d,"post_title":%q}`, timestamp, title)
}

// TestDecisions ingests contents of the event file one after the other.
func TestDecisions(t *testing.T) {
	a, b, old := post(100, "A"), post(100, "B"), post(50, "old")
	for _, tc := range []struct {
		name  string
		files []string
		want  string // the first letter of each decision
	}{
		{"A-B-A within one second is three events", []string{a, b, a}, "rrr"},
		{"the same content is one event", []string{a, a, a}, "rdd"},
		{"a restored backup is no event", []string{old, a, old}, "rrd"},
		{"an older event that was never relayed is new", []string{a, old}, "rr"},
		{"an older event becomes the newest one", []string{a, old, a}, "rrr"},
		{"white space does not matter", []string{a, " " + strings.ReplaceAll(a, ",", ",\n    ")}, "rd"},
		{"the order of fields matters", []string{`{"timestamp":1,"a":1}`, `{"a":1,"timestamp":1}`}, "rr"},
		{"invalid contents do not replace the newest event", []string{a, "[]", "", "{", a}, "riiid"},
		{"a torn file has one event", []string{a, b + `"}`, b}, "rtd"},
		{"timestamps that are not numbers are never older", []string{
			`{"timestamp":"x","n":1}`, `{"timestamp":"x","n":2}`, `{"timestamp":"x","n":1}`,
		}, "rrr"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, _ := newRelay(t, t.TempDir(), eventlog.Options{})
			var got string
			for _, file := range tc.files {
				before := r.Decisions().Counts()
				ingest(t, r, file)
				for decision, n := range r.Decisions().Counts() {
					if n != before[decision] {
						got += string(decision[0])
					}
				}
			}
			if got != tc.want {
				t.Errorf("decided %s, want %s", got, tc.want)
			}
		})
	}
}

func TestSampleFilesGetTheirDecision(t *testing.T) {
	r, _ := newRelay(t, t.TempDir(), eventlog.Options{})
	for dir, decision := range map[string]relay.Decision{
		"valid": relay.Relayed, "invalid": relay.Invalid, "torn": relay.Torn,
	} {
		paths, err := filepath.Glob(filepath.Join("..", "testdata", dir, "*.json"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no files in %s (%v)", dir, err)
		}
		before := r.Decisions().Counts()[decision]
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			ingest(t, r, string(content))
		}
		if got := r.Decisions().Counts()[decision] - before; got != uint64(len(paths)) {
			t.Errorf("%s: %d of %d files are %s", dir, got, len(paths), decision)
		}
	}
}

func TestRelayedEventsAreKnownAfterARestart(t *testing.T) {
	dir := t.TempDir()
	old, a, b := post(50, "old"), post(100, "A"), post(100, "B")
	first, log := newRelay(t, dir, eventlog.Options{})
	ingest(t, first, old, a)
	log.Close()

	second, log := newRelay(t, dir, eventlog.Options{})
	ingest(t, second, a)
	if got := documents(log); got != old+" "+a {
		t.Errorf("after an unchanged file, the log holds %s", got)
	}
	for decision, n := range second.Decisions().Counts() {
		if n > 0 {
			t.Errorf("an unchanged file at the start is no change, but %d are %s", n, decision)
		}
	}
	ingest(t, second, old, b)
	if got := documents(log); got != old+" "+a+" "+b {
		t.Errorf("after a restored backup and a new event, the log holds %s", got)
	}
}

// TestRestartDoesNotRepeatEventBeforePublishedOnes: the event file holds an event that is not the newest of the log.
func TestRestartDoesNotRepeatEventBeforePublishedOnes(t *testing.T) {
	dir, written := t.TempDir(), post(100, "written")
	r, log := newRelay(t, dir, eventlog.Options{})
	ingest(t, r, written)
	for _, title := range []string{"same second", "again"} {
		if _, err := r.Publish(t.Context(), []byte(post(100, title))); err != nil {
			t.Fatal(err)
		}
	}
	want := documents(log)
	log.Close()
	r, log = newRelay(t, dir, eventlog.Options{})
	if err := r.Ingest(t.Context(), []byte(written), log.Records()[0].Time); err != nil {
		t.Fatal(err)
	}
	ingest(t, r)
	if got := documents(log); got != want {
		t.Errorf("after a restart the log has %s, want %s", got, want)
	}
	log.Close()
	r, log = newRelay(t, dir, eventlog.Options{})
	if err := r.Ingest(t.Context(), []byte(written), time.Now()); err != nil {
		t.Fatal(err)
	}
	ingest(t, r)
	if got := documents(log); got != want+" "+written {
		t.Errorf("after the event was written again, the log has %s", got)
	}
}

func TestDedupRemembersAsManyEventsAsTheLog(t *testing.T) {
	r, _ := newRelay(t, t.TempDir(), eventlog.Options{Records: 3})
	ingest(t, r, post(1, "a"), post(2, "b"), post(3, "c"), post(4, "d"))
	ingest(t, r, post(2, "b"))
	if n := r.Decisions().Counts()[relay.Duplicate]; n != 1 {
		t.Errorf("one of the newest three events again: %d duplicates, want 1", n)
	}
	ingest(t, r, post(1, "a"))
	if n := r.Decisions().Counts()[relay.Relayed]; n != 5 {
		t.Errorf("an older event again: %d relayed, want 5", n)
	}
}

func TestLogRecordsContainNoContent(t *testing.T) {
	var text bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	_, log := newRelay(t, t.TempDir(), eventlog.Options{})
	r := relay.New(log, relay.Options{Logger: logger})
	stop := run(t, r)
	ingest(t, r, post(1, "SECRET"), post(1, "SECRET"),
		post(2, "SECRET")+"SECRET", `{"a":"SECRET"}`, `{"timestamp":1,SECRET`)
	stop()
	if strings.Contains(text.String(), "SECRET") {
		t.Errorf("the log contains content:\n%s", text.String())
	}
	for _, decision := range []string{"relayed", "duplicate", "torn", "invalid"} {
		if !strings.Contains(text.String(), "decision="+decision) {
			t.Errorf("the log does not contain %s", decision)
		}
	}
}

func TestPublishFailsIfTheJournalFails(t *testing.T) {
	r, log := newRelay(t, t.TempDir(), eventlog.Options{})
	if decision, err := r.Publish(t.Context(), []byte(post(1, "kept"))); decision != relay.Relayed || err != nil {
		t.Fatalf("got %s, %v", decision, err)
	}
	log.Close()
	for _, want := range []relay.Decision{relay.Relayed, relay.Duplicate} {
		if decision, err := r.Publish(t.Context(), []byte(post(2, "lost"))); decision != want || err == nil {
			t.Errorf("got %s, %v, want %s and an error", decision, err, want)
		}
	}
}
