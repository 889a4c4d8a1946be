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

func openLog(t testing.TB, dir string, opts eventlog.Options) *eventlog.Log {
	t.Helper()
	opts.Logger = quiet
	log, err := eventlog.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

// run runs r until the test ends.
func run(t testing.TB, r *relay.Relay) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
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

// TestDecisions tells new events from old ones. The contents come in one after the other.
func TestDecisions(t *testing.T) {
	a, b, old := post(100, "A"), post(100, "B"), post(50, "old")
	for _, tc := range []struct {
		name  string
		files []string
		want  string // one letter a file: the decision's first
	}{
		{"A-B-A within one second is three events", []string{a, b, a}, "rrr"},
		{"the same content twice is one", []string{a, a, a}, "rdd"},
		{"a restored backup is none", []string{old, a, old}, "rrd"},
		{"an older event that was never sent is new", []string{a, old}, "rr"},
		{"behind it, time goes on from there", []string{a, old, a}, "rrr"},
		{"white space makes no difference", []string{a, " " + strings.ReplaceAll(a, ",", ",\n    ")}, "rd"},
		{"the order of fields does", []string{`{"timestamp":1,"a":1}`, `{"a":1,"timestamp":1}`}, "rr"},
		{"what is no event leaves the last one in place", []string{a, "[]", "", "{", a}, "riiid"},
		{"a torn file is salvaged", []string{a, b + `"}`, b}, "rtd"},
		{"times that are no numbers do not count as older", []string{
			`{"timestamp":"x","n":1}`, `{"timestamp":"x","n":2}`, `{"timestamp":"x","n":1}`,
		}, "rrr"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := relay.New(openLog(t, t.TempDir(), eventlog.Options{}), relay.Options{Logger: quiet})
			run(t, r)
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

func TestSamplesAreDecided(t *testing.T) {
	r := relay.New(openLog(t, t.TempDir(), eventlog.Options{}), relay.Options{Logger: quiet})
	run(t, r)
	for dir, decision := range map[string]relay.Decision{"valid": relay.Relayed, "invalid": relay.Invalid, "torn": relay.Torn} {
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
			t.Errorf("%s: %d of %d are %s", dir, got, len(paths), decision)
		}
	}
}

func TestWhatWasSentIsRememberedAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	old, a, b := post(50, "old"), post(100, "A"), post(100, "B")
	log := openLog(t, dir, eventlog.Options{})
	first := relay.New(log, relay.Options{Logger: quiet})
	run(t, first)
	ingest(t, first, old, a)
	log.Close()

	log = openLog(t, dir, eventlog.Options{})
	second := relay.New(log, relay.Options{Logger: quiet})
	run(t, second)
	ingest(t, second, a)
	if got := documents(log); got != old+" "+a {
		t.Errorf("an unchanged file: the log holds %s", got)
	}
	for decision, n := range second.Decisions().Counts() {
		if n > 0 {
			t.Errorf("an unchanged file at the start is no change, but %d are %s", n, decision)
		}
	}
	ingest(t, second, old, b)
	if got := documents(log); got != old+" "+a+" "+b {
		t.Errorf("a restored backup and then a new event: the log holds %s", got)
	}
}

func TestTheMemoryOfWhatWasSentIsBounded(t *testing.T) {
	log := openLog(t, t.TempDir(), eventlog.Options{Records: 3})
	r := relay.New(log, relay.Options{Logger: quiet})
	run(t, r)
	ingest(t, r, post(1, "a"), post(2, "b"), post(3, "c"), post(4, "d"))
	ingest(t, r, post(2, "b"))
	if n := r.Decisions().Counts()[relay.Duplicate]; n != 1 {
		t.Errorf("an event of the last three was not known again (%d duplicates)", n)
	}
	ingest(t, r, post(1, "a"))
	if n := r.Decisions().Counts()[relay.Relayed]; n != 5 {
		t.Errorf("an event beyond the last three is remembered (%d relayed)", n)
	}
}

func TestLogsHoldNoContent(t *testing.T) {
	var text bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := relay.New(openLog(t, t.TempDir(), eventlog.Options{}), relay.Options{Logger: logger})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	ingest(t, r, post(1, "SECRET"), post(1, "SECRET"), post(2, "SECRET")+"SECRET", `{"a":"SECRET"}`, `{"timestamp":1,SECRET`)
	cancel()
	<-done
	if strings.Contains(text.String(), "SECRET") {
		t.Errorf("a payload is in the log:\n%s", text.String())
	}
	for _, decision := range []string{"relayed", "duplicate", "torn", "invalid"} {
		if !strings.Contains(text.String(), "decision="+decision) {
			t.Errorf("%s is not in the log", decision)
		}
	}
}

// TestWhatCannotBeKeptIsNotTakenForPublished publishes to a journal that cannot be written.
func TestWhatCannotBeKeptIsNotTakenForPublished(t *testing.T) {
	log := openLog(t, t.TempDir(), eventlog.Options{})
	r := relay.New(log, relay.Options{Logger: quiet})
	run(t, r)
	if decision, err := r.Publish(t.Context(), []byte(post(1, "kept"))); decision != relay.Relayed || err != nil {
		t.Fatalf("got %s, %v", decision, err)
	}
	log.Close()
	for _, want := range []relay.Decision{relay.Relayed, relay.Duplicate} {
		if decision, err := r.Publish(t.Context(), []byte(post(2, "not kept"))); decision != want || err == nil {
			t.Errorf("got %s, %v, want %s and an error", decision, err, want)
		}
	}
}
