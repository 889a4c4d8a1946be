package relay

import (
	"context"

	"wpre-relay/schema"
)

const (
	// maxQueued bounds the events that wait for the log. When the disk is slower than the writers, the queue fills
	// up and Ingest blocks.
	maxQueued = 1024

	// maxBatch bounds the events of one append, which is one write to the journal.
	maxBatch = 64
)

// queued is an element of the queue: an event or, if done is set, a mark that Flush waits for.
type queued struct {
	event schema.Event
	done  chan<- struct{}
}

// Run appends queued events to the log until ctx ends and the queue is empty. Events that wait for their line are
// relayed then. No method may be called after that.
func (r *Relay) Run(ctx context.Context) {
	stopped := make(chan struct{})
	go func() { defer close(stopped); r.releaseHeld(ctx) }()
	var batch []schema.Event
	for {
		select {
		case next := <-r.queue:
			batch = r.append(batch[:0], next)
		case <-stopped:
			for len(r.queue) > 0 {
				batch = r.append(batch[:0], <-r.queue)
			}
			return
		}
	}
}

// append appends next and all queued events up to the next mark, at most maxBatch, with one write to the journal.
// It returns batch, so that its memory is reused.
func (r *Relay) append(batch []schema.Event, next queued) []schema.Event {
	for more := true; more && next.done == nil; {
		batch = append(batch, next.event)
		if len(batch) == maxBatch {
			break
		}
		select {
		case next = <-r.queue:
		default:
			more = false
		}
	}
	if len(batch) > 0 {
		recs := r.log.Append(batch...)
		r.opts.Logger.Debug("events appended", "count", len(recs), "position", recs[len(recs)-1].Position)
	}
	if next.done != nil {
		close(next.done)
	}
	return batch
}

// Flush waits until Run has appended all events that were queued before the call. The error is ctx's.
func (r *Relay) Flush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case r.queue <- queued{done: done}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
