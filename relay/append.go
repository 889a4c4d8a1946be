package relay

import (
	"context"
	"time"

	"wpre-relay/schema"
)

const (
	// maxQueued bounds the events that wait for the log. When the disk is slower than the writers, the queue fills
	// up and Ingest blocks.
	maxQueued = 1024

	// maxBatch bounds the events of one append, which is one write to the journal.
	maxBatch = 64

	// slowAppend is the duration of a direct append above which the disk counts as slow. An append to the page cache
	// takes about 20 µs, and the plugin about 1 ms for two events.
	slowAppend = time.Millisecond

	// maxDirect is the size in bytes of the largest document that is appended directly. Its delivery to 32 clients, for
	// which Options.Direct allows it in a relay, takes about 1 ms with TLS.
	maxDirect = 16 << 10

	// burstPause is the time between two direct appends below which they belong to a burst. A direct delivery takes
	// about 0.1 ms.
	burstPause = time.Millisecond

	// maxUndelivered bounds the events of a burst that wait for Idle. They are delivered together, with one write(2) for
	// each client.
	maxUndelivered = 8

	// fastAppends is how many appends must be fast after a slow one before the next direct one, so that a slow disk does
	// not block the reading of the event file. A single append is also slow while another process has the processor.
	fastAppends = 8
)

// queued is an element of the queue: an event or, if done is set, a mark that Flush waits for.
type queued struct {
	event schema.Event
	done  chan<- struct{}
}

// submit passes ev to the log: directly if Options.Direct allows it and no other event is on its way, else through Run.
// The caller holds r.mu.
func (r *Relay) submit(ctx context.Context, ev schema.Event) error {
	idle := r.waiting.Load() == 0 && r.slow.Load() == 0
	if idle && len(ev.Document) <= maxDirect && r.opts.Direct() {
		r.appendDirectly(ev)
		return nil
	}
	r.waiting.Add(1)
	select {
	case r.queue <- queued{event: ev}:
		return nil
	case <-ctx.Done():
		r.waiting.Add(-1)
		return ctx.Err()
	}
}

// appendDirectly appends ev and delivers it, since waking another thread for that takes longer. In a burst it leaves
// the delivery to Idle, so that the caller of Ingest reads the next content before that is overwritten. The caller
// holds r.mu.
func (r *Relay) appendDirectly(ev schema.Event) {
	start := time.Now()
	burst := start.Sub(r.appended) < burstPause
	r.log.AppendAndDeliver(ev, func() {
		r.appended = time.Now()
		r.countAppend(r.appended.Sub(start))
		if r.undelivered++; !burst || !r.ingesting || r.undelivered == maxUndelivered {
			r.deliver(burst)
		}
	})
	r.opts.OnAppend(ev, start, r.appended)
}

// deliver delivers the events that were appended. The caller holds r.mu.
func (r *Relay) deliver(burst bool) {
	r.undelivered = 0
	r.opts.Deliver(burst)
}

// Idle delivers the events that Ingest has left to it. A caller of Ingest calls it when it has no other content.
func (r *Relay) Idle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.undelivered > 0 {
		r.deliver(true)
	}
}

// countAppend counts an append that took this long. Its calls do not overlap, because Run and appendDirectly never
// append at the same time.
func (r *Relay) countAppend(took time.Duration) {
	if took > slowAppend {
		r.slow.Store(fastAppends)
	} else {
		r.slow.Store(max(r.slow.Load()-1, 0))
	}
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
			r.Idle()
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
		start := time.Now()
		recs := r.log.Append(batch...)
		end := time.Now()
		r.countAppend(end.Sub(start))
		for _, ev := range batch {
			r.opts.OnAppend(ev, start, end)
		}
		r.waiting.Add(-int64(len(batch)))
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
