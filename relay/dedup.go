package relay

import (
	"time"

	"wpre-relay/schema"
)

// dedup tells events that were sent from new ones. It remembers the last few thousand.
type dedup struct {
	last  schema.Event
	heard time.Time // when the last one was written, or, of one from before the start, sent
	seen  map[schema.ID]sighting
	order []schema.ID // a ring of the newest; the next one replaces order[next]
	next  int
	size  int

	// lines has, by epoch, the position of the outbox's line that was taken last, and the latest time of those that were:
	// clocks are set back, and those of several hosts differ.
	lines map[string]schema.Stamp

	passed schema.Event // the one of the former line that was passed over last
}

// sighting is what is known of the events with one ID.
type sighting struct {
	count  int  // how often the ID stands in order
	outbox bool // it has been in the outbox as well
}

func newDedup(size int) dedup {
	return dedup{size: size, seen: make(map[schema.ID]sighting), lines: make(map[string]schema.Stamp)}
}

// duplicate reports whether ev was sent: it is the last one again, or it is an earlier one and older than the last
// by its timestamp, as when a backup is restored. An equal event of the same second, with another in between, is a
// new one: a post can be changed there and back.
func (h *dedup) duplicate(ev schema.Event) bool {
	if ev.ID == h.last.ID {
		return true
	}
	return ev.Before(h.last) && h.seen[ev.ID].count > 0
}

// copied reports whether ev has been in the outbox: the companion puts each event there first, and then into the plugin's
// file.
func (h *dedup) copied(ev schema.Event) bool { return h.seen[ev.ID].outbox }

// absorb reports whether ev, which comes from the outbox, was sent when the plugin's file said it: while the outbox could
// not be read, or by a relay that knew of none. It is true once for each such event.
func (h *dedup) absorb(ev schema.Event) bool {
	s := h.seen[ev.ID]
	if s.count == 0 || s.outbox {
		return false
	}
	h.seen[ev.ID] = sighting{count: s.count, outbox: true}
	return true
}

// taken reports whether the line of the outbox with this stamp was taken before. A number that stands in a line later
// than all that were taken was given again, after the outbox was restored from a backup.
func (h *dedup) taken(line schema.Stamp) bool {
	last, ok := h.lines[line.Position.Epoch]
	return ok && line.Position.Seq <= last.Position.Seq && !line.Time.After(last.Time)
}

// former reports whether a line is of an outbox that is not known, and older than the last event: the plugin's file was
// followed then, or another outbox.
func (h *dedup) former(line schema.Stamp) bool {
	_, known := h.lines[line.Position.Epoch]
	return !known && !line.Time.After(h.heard)
}

// recognize returns the stamp of the former line that was passed over last, if it says ev as the plugin's file does now.
// Then its outbox is the one that is written, whatever the clocks say, and what comes after that line is new.
func (h *dedup) recognize(ev schema.Event) schema.Stamp {
	line := h.passed.From
	if ev.ID != h.passed.ID || !h.former(line) {
		return schema.Stamp{}
	}
	h.take(line)
	h.absorb(ev)
	return line
}

// take makes a line the last one of its epoch that was taken, and returns how many before it were not: they were gone
// before they could be read.
func (h *dedup) take(line schema.Stamp) (missing uint64) {
	last, ok := h.lines[line.Position.Epoch]
	latest := line
	if last.Time.After(line.Time) {
		latest.Time = last.Time
	}
	h.lines[line.Position.Epoch] = latest
	if !ok || line.Position.Seq <= last.Position.Seq {
		return 0
	}
	return line.Position.Seq - last.Position.Seq - 1
}

// add makes ev, which was written then, the last one sent.
func (h *dedup) add(ev schema.Event, written time.Time) {
	fromOutbox := ev.From != (schema.Stamp{})
	h.last, h.heard = ev, written
	if fromOutbox {
		h.heard = ev.From.Time
	}
	s := h.seen[ev.ID]
	h.seen[ev.ID] = sighting{count: s.count + 1, outbox: s.outbox || fromOutbox}
	if len(h.order) < h.size {
		h.order = append(h.order, ev.ID)
		return
	}
	oldest := &h.order[h.next]
	if s := h.seen[*oldest]; s.count > 1 {
		h.seen[*oldest] = sighting{count: s.count - 1, outbox: s.outbox}
	} else {
		delete(h.seen, *oldest)
	}
	*oldest = ev.ID
	h.next = (h.next + 1) % h.size
}
