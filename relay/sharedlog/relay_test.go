package sharedlog_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/sharedlog"
	"wpre-relay/schema"
)

var quiet = slog.New(slog.DiscardHandler)

// document returns the document of event n.
func document(n int) string { return fmt.Sprintf(`{"timestamp":%d}`, n) }

// event returns event n.
func event(t testing.TB, n int) schema.Event {
	t.Helper()
	ev, _, err := schema.Decode([]byte(document(n)), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// openLog opens a capture relay's own log. The caller closes it.
func openLog(t testing.TB, dir string) *eventlog.Log {
	t.Helper()
	log, err := eventlog.Open(dir, eventlog.Options{Records: 1000, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// testRelay is a relay on a shared stream.
type testRelay struct {
	*sharedlog.Stream
	own     *eventlog.Log // nil for an edge relay
	stop    func()
	joined  *sharedlog.Joined // valid after synctest.Wait, once the engine is connected
	result  chan error        // of Joined.Run
	joinErr chan error        // of Stream.Join, if not nil
}

// startCapture starts a capture relay whose own log is in dir. It runs until stop or the end of the test.
func startCapture(t *testing.T, engine sharedlog.Engine, dir string) *testRelay {
	t.Helper()
	r := &testRelay{own: openLog(t, dir)}
	r.start(t, engine, quiet)
	stop := r.stop
	r.stop = sync.OnceFunc(func() { stop(); r.own.Close() })
	t.Cleanup(r.stop)
	return r
}

// startEdge starts an edge relay. It runs until stop or the end of the test.
func startEdge(t *testing.T, engine sharedlog.Engine, logger *slog.Logger) *testRelay {
	t.Helper()
	r := new(testRelay)
	r.start(t, engine, logger)
	t.Cleanup(r.stop)
	return r
}

func (r *testRelay) start(t *testing.T, engine sharedlog.Engine, logger *slog.Logger) {
	t.Helper()
	stream, err := sharedlog.Open(engine, r.own, sharedlog.Options{Records: 1000, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	r.Stream, r.result = stream, make(chan error, 1)
	r.joinErr = make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		var err error
		if r.joined, err = stream.Join(ctx); err == nil {
			r.result <- r.joined.Run(ctx)
		} else {
			r.joinErr <- err
		}
	})
	r.stop = func() { cancel(); running.Wait() }
}

// capture appends events to the relay's own log.
func (r *testRelay) capture(t *testing.T, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		r.own.Append(event(t, n))
	}
}

// mirrored returns the documents in the relay's mirror as SEQ:DOCUMENT, SEQ:tombstone or SEQ:gap.
func (r *testRelay) mirrored() string {
	var all []string
	for _, rec := range r.joined.Log().Records() {
		text := string(rec.Event.Document)
		if rec.IsGap() {
			text = "gap"
		} else if rec.IsTombstone() {
			text = "tombstone"
		}
		all = append(all, fmt.Sprintf("%d:%s", rec.Position.Seq, text))
	}
	return strings.Join(all, " ")
}

// wantMirrored waits until all goroutines are idle and compares the mirror with events of these numbers, from 1 on.
func (r *testRelay) wantMirrored(t *testing.T, numbers ...int) {
	t.Helper()
	var all []string
	for i, n := range numbers {
		all = append(all, fmt.Sprintf("%d:%s", i+1, document(n)))
	}
	r.wantMirror(t, strings.Join(all, " "))
}

// wantMirror is like wantMirrored, for any result of mirrored.
func (r *testRelay) wantMirror(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	if got := r.mirrored(); got != want {
		t.Errorf("mirror = %s, want %s", got, want)
	}
}
