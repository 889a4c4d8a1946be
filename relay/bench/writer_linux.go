package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/bench/wsclient"
)

// series are the events that a run writes. Event n is at n-1 and is not changed after started has reached n.
type series struct {
	events  []writtenEvent
	started atomic.Int64 // number of events whose write has begun
}

// writtenEvent is what a run remembers of an event that it wrote.
type writtenEvent struct {
	start        time.Duration // of the write, since the start of the run
	raw, compact uint32        // checksums of the document, as written and without white space
}

// wrote reports whether message equals the event with its number, as written or without white space.
func (s *series) wrote(message wsclient.Item) bool {
	if n := int64(message.Number); n == 0 || n > s.started.Load() {
		return false
	}
	event := &s.events[message.Number-1]
	return message.Sum == event.raw || message.Sum == event.compact
}

// writer writes a series on a separate thread, so that a client can receive an event while the writer closes the file.
type writer struct {
	opts   Options
	series *series
	start  time.Time // all times are durations since start
	next   chan struct{}
	cancel context.CancelFunc
	done   chan struct{} // closed when the writer has ended
	err    error         // valid after done is closed
}

// startWriter starts a writer of the run's events. It writes an event after each allow. The caller calls stop.
func startWriter(ctx context.Context, o Options, s *series, start time.Time) *writer {
	ctx, cancel := context.WithCancel(ctx)
	s.events = make([]writtenEvent, o.Events)
	w := &writer{
		opts: o, series: s, start: start, next: make(chan struct{}, o.Events), cancel: cancel, done: make(chan struct{}),
	}
	go func() {
		defer close(w.done)
		w.err = w.run(ctx)
	}()
	return w
}

// allow lets the writer write one more event.
func (w *writer) allow() { w.next <- struct{}{} }

// allowAll lets the writer write all events that remain.
func (w *writer) allowAll() { close(w.next) }

// ended reports whether the writer has written all events, has failed or was stopped.
func (w *writer) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// stop stops the writer after the write in progress, and returns the error of a write that failed.
func (w *writer) stop() error {
	w.cancel()
	<-w.done
	return w.err
}

// run writes the events until all are written, one fails or ctx ends.
func (w *writer) run(ctx context.Context) error {
	// The thread ends with this goroutine. Without timer slack, a pause of 50 µs takes 50 µs and not 100.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return err
	}
	due := time.Duration(0)
	for n := range w.series.events {
		doc, err := eventDocument(n+1, w.opts.Size)
		if err != nil {
			return err
		}
		select {
		case <-w.next:
		case <-ctx.Done():
			return nil
		}
		if w.pause(ctx, due); ctx.Err() != nil {
			return nil
		}
		if err := w.write(n, doc); err != nil {
			return err
		}
		due = time.Since(w.start) + w.opts.Every
	}
	return nil
}

// pause sleeps until the given time, or until ctx ends.
func (w *writer) pause(ctx context.Context, until time.Duration) {
	for left := until - time.Since(w.start); left > 0 && ctx.Err() == nil; left = until - time.Since(w.start) {
		timeout := unix.NsecToTimespec(int64(min(left, stepInterval)))
		unix.Nanosleep(&timeout, nil)
	}
}

// write writes the document of the event with this index.
func (w *writer) write(n int, doc []byte) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, doc); err != nil {
		return err
	}
	w.series.events[n] = writtenEvent{
		raw: wsclient.Checksum(doc), compact: wsclient.Checksum(compact.Bytes()), start: time.Since(w.start),
	}
	w.series.started.Store(int64(n + 1))
	return writeFile(w.opts.Write, doc)
}
