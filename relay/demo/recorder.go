package demo

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"wpre-relay/relay"
	"wpre-relay/schema"
)

const (
	// maxTraces is the number of traces that are kept. A page shows a few.
	maxTraces = 50

	// maxPages is the number of pages that may be connected.
	maxPages = 32
)

// Recorder keeps the traces of the newest posts. Its methods may be called concurrently. They take about a microsecond,
// since they run within the steps that they measure. Use NewRecorder.
type Recorder struct {
	start time.Time // the origin of the clock that pages compare theirs with

	mu      sync.Mutex
	traces  []*Trace      // the newest last, at most maxTraces; guarded by mu
	version uint64        // grows with each change; guarded by mu
	changed chan struct{} // closed and replaced with each change; guarded by mu
	pages   int           // pages that are connected; guarded by mu
	lastID  int           // number of the newest page; guarded by mu
}

// NewRecorder returns a recorder without traces.
func NewRecorder() *Recorder { return &Recorder{start: time.Now(), changed: make(chan struct{})} }

// Trace returns the callbacks for the relay that watches the site.
func (r *Recorder) Trace() relay.Trace {
	return relay.Trace{OnRead: r.read, OnDecision: r.decide, OnAppend: r.appended}
}

// begin adds a trace of a post whose event file is about to be written. The caller calls written after that.
func (r *Recorder) begin(p post, content []byte, id schema.ID) (written func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &Trace{Post: p.PostID, Title: p.PostTitle, Status: p.Status, Bytes: len(content), Pages: r.pages,
		Receipts: []Receipt{}, content: content, id: id}
	r.traces = append(r.traces, t)
	if len(r.traces) > maxTraces {
		r.traces = slices.Delete(r.traces, 0, 1)
	}
	r.change(t)
	t.Begun = time.Now()
	return func() {
		now := time.Now()
		r.mu.Lock()
		defer r.mu.Unlock()
		t.Written = t.since(now)
		r.change(t)
	}
}

// read records that a content was read. Older ones that were not read never will be: the event file holds only the
// newest.
func (r *Recorder) read(content []byte) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.find(func(t *Trace) bool { return bytes.Equal(t.content, content) })
	if t == nil || t.Read != 0 {
		return
	}
	t.Read = t.since(now)
	r.change(t)
	for _, older := range r.traces {
		if older.Post < t.Post && older.Read == 0 && older.Decision == "" {
			older.Decision = relay.Overwritten
			r.change(older)
		}
	}
}

// decide records the decision about an event.
func (r *Recorder) decide(change relay.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.find(func(t *Trace) bool { return t.id == change.Event.ID })
	if t == nil || t.Decision != "" {
		return
	}
	t.Decision = change.Decision
	t.decide(change.Time)
	r.change(t)
}

// appended records that an event is in the journal.
func (r *Recorder) appended(event schema.Event, begun, ended time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.find(func(t *Trace) bool { return t.id == event.ID })
	if t == nil || t.Journal != 0 {
		return
	}
	t.decide(begun)
	t.Journal = t.since(ended)
	r.change(t)
}

// receive records that a page had the event of a post at this time of its clock, which is inexact by the error. Times
// before the write and repeated reports are ignored.
func (r *Recorder) receive(page, post int, at, inexact time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.find(func(t *Trace) bool { return t.Post == post })
	if t == nil || slices.ContainsFunc(t.Receipts, func(have Receipt) bool { return have.Page == page }) {
		return
	}
	after := at - t.Begun.Sub(r.start)
	if after+inexact < 0 || inexact < 0 || len(t.Receipts) == maxPages {
		return
	}
	t.Receipts = append(t.Receipts, Receipt{page, milliseconds(max(0, after)), milliseconds(inexact)})
	r.change(t)
}

// find returns the newest trace that matches, or nil. The caller holds mu.
func (r *Recorder) find(matches func(*Trace) bool) *Trace {
	for _, t := range slices.Backward(r.traces) {
		if matches(t) {
			return t
		}
	}
	return nil
}

// change wakes the goroutines that wait for a change of t. The caller holds mu.
func (r *Recorder) change(t *Trace) {
	r.version++
	t.version = r.version
	close(r.changed)
	r.changed = make(chan struct{})
}

// join adds a page and returns its number, which counts from 1, or 0 if there are too many.
func (r *Recorder) join() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pages == maxPages {
		return 0
	}
	r.pages++
	r.lastID++
	return r.lastID
}

// leave removes a page.
func (r *Recorder) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages--
}

// after returns copies of the traces that have changed since version, the oldest first, the current version, and a
// channel that is closed when a trace changes.
func (r *Recorder) after(version uint64) (traces []Trace, current uint64, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.traces {
		if t.version > version {
			trace := *t
			trace.Receipts = slices.Clone(t.Receipts)
			traces = append(traces, trace)
		}
	}
	return traces, r.version, r.changed
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
