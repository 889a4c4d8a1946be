package relay

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"wpre-relay/schema"
)

const (
	// outboxWait is how long an event of the event file waits for its line while the outbox cannot be read. A web
	// server or a network file system that hides the outbox mostly shows it again within 2 s. The events of a site
	// whose outbox was deleted wait once.
	outboxWait = 10 * time.Second

	// maxHeldBytes bounds the memory of the events that wait. Beyond it, they are relayed early.
	maxHeldBytes = 16 << 20

	// heldOverhead is the memory that a held event needs beside its document, in bytes, rounded up.
	heldOverhead = 512

	// lineClockSkew is how far the time of the event file may be behind the clock that stamps lines: the kernel's clock
	// for files has a tick of up to 10 ms. A line that is later than a held event by more than that was written after
	// it. Between hosts, clocks may differ by more; events can then be relayed in the wrong order, but none twice.
	lineClockSkew = 10 * time.Millisecond
)

// heldEvent is an event of the event file that waits for its line.
type heldEvent struct {
	event    schema.Event
	written  time.Time
	torn     bool
	deadline time.Time
}

// held are the events of the event file that were read while the outbox could not be. The outbox may hold events from
// before them, and the lines' numbers decide the order.
type held struct {
	events   []heldEvent   // oldest first
	bytes    int           // memory of events
	followed bool          // the outbox had each event until now
	bypassed atomic.Uint64 // events that were relayed because outboxWait was over; read without mu
	changed  chan struct{}
}

// IngestAhead is Ingest for a content that was read while the outbox could not be read, so that lines from before it
// may be missing. If the outbox was followed until now, a new event waits for its line, or for a later one, which shows
// that it has none. After outboxWait it is relayed without its line, and counted (see Bypassed). Later events are then
// relayed at once, until the next line is read.
func (r *Relay) IngestAhead(ctx context.Context, content []byte, written time.Time) error {
	return r.ingest(ctx, content, written, true)
}

// Bypassed returns the number of events that were relayed before their lines could be read. Lines that were written
// before them and are read later are relayed out of order.
func (r *Relay) Bypassed() uint64 {
	return r.held.bypassed.Load()
}

// hold lets ev wait for its line. The caller holds r.mu.
func (r *Relay) hold(ctx context.Context, ev schema.Event, written time.Time, torn bool) error {
	h := &r.held
	if len(h.events) == 0 {
		r.opts.Logger.Warn("outbox cannot be read, events wait for it", "limit", outboxWait)
	}
	h.events = append(h.events, heldEvent{ev, written, torn, time.Now().Add(outboxWait)})
	h.bytes += len(ev.Document) + heldOverhead
	if h.bytes > maxHeldBytes {
		return r.bypass(ctx)
	}
	h.signal()
	return nil
}

// signal makes releaseHeld look at the deadline again.
func (h *held) signal() {
	select {
	case h.changed <- struct{}{}:
	default: // it has not handled the previous signal yet
	}
}

// isNewest reports whether the newest held event has this ID.
func (h *held) isNewest(id schema.ID) bool {
	return len(h.events) > 0 && h.events[len(h.events)-1].event.ID == id
}

// remove removes the first n events, and returns them.
func (h *held) remove(n int) []heldEvent {
	removed := slices.Clone(h.events[:n])
	h.events = slices.Delete(h.events, 0, n)
	for _, e := range removed {
		h.bytes -= len(e.event.Document) + heldOverhead
	}
	return removed
}

// releaseBefore relays the held events that were written before line, and have no line of their own. It removes the
// event of line itself, without relaying it. The caller holds r.mu.
func (r *Relay) releaseBefore(ctx context.Context, line schema.Stamp, id schema.ID) error {
	h := &r.held
	h.followed = true
	if i := slices.IndexFunc(h.events, func(e heldEvent) bool { return e.event.ID == id }); i >= 0 {
		h.bytes -= len(h.events[i].event.Document) + heldOverhead
		h.events = slices.Delete(h.events, i, i+1)
	}
	n := 0
	for n < len(h.events) && line.Time.Sub(h.events[n].written) > lineClockSkew {
		n++
	}
	return r.release(ctx, h.remove(n))
}

// releaseAll relays all held events: the outbox was read after each of them, so that none has a line. The caller holds
// r.mu.
func (r *Relay) releaseAll(ctx context.Context) error {
	return r.release(ctx, r.held.remove(len(r.held.events)))
}

// bypass relays all held events without their lines. The caller holds r.mu.
func (r *Relay) bypass(ctx context.Context) error {
	events := r.held.remove(len(r.held.events))
	if len(events) == 0 {
		return nil
	}
	r.held.followed = false
	r.held.bypassed.Add(uint64(len(events)))
	r.opts.Logger.Warn("outbox not readable in time, relaying events from the event file", "events", len(events),
		"waited", time.Since(events[0].deadline.Add(-outboxWait)).Round(time.Millisecond))
	return r.release(ctx, events)
}

// release relays events. The caller holds r.mu.
func (r *Relay) release(ctx context.Context, events []heldEvent) error {
	for _, e := range events {
		if _, err := r.enqueue(ctx, e.event, e.written, e.torn); err != nil {
			return err
		}
	}
	return nil
}

// releaseHeld relays held events whose time is over, until ctx ends, and then all.
func (r *Relay) releaseHeld(ctx context.Context) {
	timer := time.NewTimer(outboxWait)
	defer timer.Stop()
	for {
		select {
		case <-r.held.changed:
		case <-timer.C:
		case <-ctx.Done():
			r.releaseOverdue(time.Time{})
			return
		}
		if next := r.releaseOverdue(time.Now()); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// releaseOverdue relays all held events if the first one's time is over at now, or if now is zero. It returns the
// deadline of the next, or zero. Run takes the events from the queue, so it does not wait for long.
func (r *Relay) releaseOverdue(now time.Time) (next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held.events) == 0 {
		return time.Time{}
	}
	if first := r.held.events[0].deadline; !now.IsZero() && now.Before(first) {
		return first
	}
	_ = r.bypass(context.Background()) // which fails only if the context ends
	return time.Time{}
}
