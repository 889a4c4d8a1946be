package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

// mirrorRecords bounds the mirror of a relay.
const mirrorRecords = 1000

// relay runs a stream as package app does: after a reset, it opens the stream again.
type relay struct {
	t      *testing.T
	open   func() (sharedlog.Engine, error)
	dir    string // of a capture relay's own log; "" for an edge relay
	stop   func()
	events int // number of captured events

	mu     sync.Mutex
	own    *eventlog.Log     // nil for an edge relay; guarded by mu
	stream *sharedlog.Stream // guarded by mu
	log    *eventlog.Reader  // nil until the stream is joined; guarded by mu
}

// newRelay starts a relay, which runs until stop or the end of the test.
func newRelay(t *testing.T, open func() (sharedlog.Engine, error), captures bool) *relay {
	t.Helper()
	r := &relay{t: t, open: open}
	if captures {
		r.dir = t.TempDir()
	}
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

// start starts the relay and returns when its own log is open.
func (r *relay) start() {
	r.t.Helper()
	if r.dir != "" {
		own, err := eventlog.Open(r.dir, eventlog.Options{Records: mirrorRecords, Logger: quiet})
		if err != nil {
			r.t.Fatal(err)
		}
		r.own = own
	}
	r.openStream()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for r.run(ctx) {
			r.openStream()
		}
	})
	r.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if r.own != nil {
			r.own.Close()
		}
	})
}

var quiet = slog.New(slog.DiscardHandler)

func (r *relay) openStream() {
	r.mu.Lock()
	defer r.mu.Unlock()
	engine, err := r.open()
	if err == nil {
		options := sharedlog.Options{Records: mirrorRecords, Logger: quiet}
		r.stream, err = sharedlog.Open(engine, r.own, options)
	}
	if err != nil {
		panic(err) // a test fails on its own goroutine only
	}
	r.log = nil
}

// run runs the stream until it is reset. It returns false if ctx has ended.
func (r *relay) run(ctx context.Context) bool {
	defer r.stream.Close()
	joined, err := r.stream.Join(ctx)
	if err == nil {
		r.mu.Lock()
		r.log = joined.Log()
		r.mu.Unlock()
		err = joined.Run(ctx)
	}
	if ctx.Err() == nil {
		r.t.Logf("the relay opens the stream again: %v", err)
	}
	return ctx.Err() == nil
}

// capture appends the next n events to the relay's own log.
func (r *relay) capture(n int) {
	r.t.Helper()
	for range n {
		r.events++
		ev, _, err := schema.Decode(fmt.Appendf(nil, `{"timestamp":%d}`, r.events), 0)
		if err != nil {
			r.t.Fatal(err)
		}
		r.own.Append(ev)
	}
}

func (r *relay) status() sharedlog.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stream.Status()
}

// currentLog returns the mirror, or an empty one if the stream is not joined.
func (r *relay) currentLog() *eventlog.Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.log == nil {
		return eventlog.NewMirror(schema.Position{Epoch: "none"}, eventlog.Options{}).Reader
	}
	return r.log
}

// positions returns the position before the first event, and the position of each event.
func (r *relay) positions() []schema.Position {
	log := r.currentLog()
	var all []schema.Position
	for _, rec := range log.Records() {
		if rec.IsTombstone() {
			continue
		}
		if len(all) == 0 {
			all = append(all, log.At(rec.Position.Seq-1))
		}
		all = append(all, rec.Position)
	}
	return all
}

// wantEvents waits until the newest event of the mirror has this number.
func (r *relay) wantEvents(newest int) {
	r.t.Helper()
	last := func() (n int) {
		for _, rec := range r.currentLog().Records() {
			if !rec.IsTombstone() {
				n = numberOf(rec)
			}
		}
		return n
	}
	if !testwait.Until(func() bool { return last() == newest }) {
		r.t.Fatalf("newest event %d, want %d; status %+v", last(), newest, r.status())
	}
}

// wantConnected waits until the relay is connected and serves clients.
func (r *relay) wantConnected() {
	r.t.Helper()
	ready := func() bool { return r.status().Connected && r.currentLog().Epoch() != "none" }
	if !testwait.Until(ready) {
		r.t.Fatalf("not connected: %+v", r.status())
	}
}

// numberOf returns the number of a record's event.
func numberOf(rec *eventlog.Record) int {
	var document struct{ Timestamp int }
	json.Unmarshal(rec.Event.Document, &document)
	return document.Timestamp
}
