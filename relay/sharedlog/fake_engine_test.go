package sharedlog_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"wpre-relay/relay/sharedlog"
)

// fakeEngine is an engine in memory. Tests make it fail, and change its entries and IDs with set.
type fakeEngine struct {
	mu        sync.Mutex
	epoch     string
	entries   []sharedlog.Entry // the first one has number first
	first     uint64
	ids       map[string]bool
	err       error         // of every method, if not nil
	joinErr   error         // of Join only, if not nil
	readErr   error         // of Read only, if not nil
	appendErr error         // of Append only, if not nil
	changed   chan struct{} // closed and replaced by set
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{epoch: "one", first: 1, ids: make(map[string]bool), changed: make(chan struct{})}
}

// set calls change with the engine locked, and wakes readers.
func (e *fakeEngine) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
	close(e.changed)
	e.changed = make(chan struct{})
}

// disconnect makes every method fail with an error of this text.
func (e *fakeEngine) disconnect(text string) { e.set(func() { e.err = errors.New(text) }) }

// connect ends disconnect.
func (e *fakeEngine) connect() { e.set(func() { e.err = nil }) }

func (e *fakeEngine) last() uint64 { return e.first + uint64(len(e.entries)) - 1 }

func (e *fakeEngine) Join(context.Context) (sharedlog.StreamInfo, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return sharedlog.StreamInfo{Epoch: e.epoch, First: e.first, Last: e.last()}, cmp.Or(e.err, e.joinErr)
}

func (e *fakeEngine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	for {
		e.mu.Lock()
		err, changed := cmp.Or(e.err, e.readErr), e.changed
		var entries []sharedlog.Entry
		deleted := false
		if from := max(after+1, e.first); from <= e.last() {
			entries = slices.Clone(e.entries[from-e.first:])
			entries = slices.DeleteFunc(entries, func(entry sharedlog.Entry) bool { return entry.Seq == 0 }) // deleted
			deleted = len(entries) == 0
		}
		e.mu.Unlock()
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			after = entries[len(entries)-1].Seq
			if err := take(entries); err != nil {
				return err
			}
			continue
		}
		if deleted {
			if err := take(nil); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (e *fakeEngine) Append(_ context.Context, id string, text []byte) error {
	e.mu.Lock()
	err := cmp.Or(e.err, e.appendErr)
	e.mu.Unlock()
	if err != nil {
		return err
	}
	e.set(func() {
		if e.ids[id] {
			return
		}
		e.ids[id] = true
		e.entries = append(e.entries, sharedlog.Entry{Seq: e.last() + 1, ID: id, Text: text})
	})
	return nil
}

func (e *fakeEngine) Close() error { return nil }
