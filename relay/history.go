package relay

import "wpre-relay/schema"

// history tells events that were sent from new ones. It remembers the last few thousand.
type history struct {
	last  schema.Event
	seen  map[schema.ID]int // how often an ID stands in order
	order []schema.ID       // a ring of the newest; the next one replaces order[next]
	next  int
	size  int
}

func newHistory(size int) history {
	return history{size: size, seen: make(map[schema.ID]int)}
}

// duplicate reports whether ev was sent: it is the last one again, or it is an earlier one and older than the last
// by its timestamp, as when a backup is restored. An equal event of the same second, with another in between, is a
// new one: a post can be changed there and back.
func (h *history) duplicate(ev schema.Event) bool {
	if ev.ID == h.last.ID {
		return true
	}
	return ev.Before(h.last) && h.seen[ev.ID] > 0
}

// add makes ev the last one sent.
func (h *history) add(ev schema.Event) {
	h.last = ev
	h.seen[ev.ID]++
	if len(h.order) < h.size {
		h.order = append(h.order, ev.ID)
		return
	}
	oldest := &h.order[h.next]
	if h.seen[*oldest]--; h.seen[*oldest] == 0 {
		delete(h.seen, *oldest)
	}
	*oldest = ev.ID
	h.next = (h.next + 1) % h.size
}
