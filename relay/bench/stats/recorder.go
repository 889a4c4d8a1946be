// Package stats records the deliveries of events: which clients received each event, when, and how often. It does no
// I/O and reads no clock. All times are durations since a moment that the caller chooses.
package stats

import "time"

// eventStats records the deliveries of one event.
type eventStats struct {
	written     time.Duration // start of the write
	first, last time.Duration // first and last delivery; valid if delivered is not 0
	expected    int           // clients at the time of the write
	delivered   int           // clients that received the event
	gone        int           // clients that disconnected before they received the event
}

// Recorder records the deliveries of one series of events, which are numbered from 1. The zero value is ready to use.
// It is not safe for concurrent use.
type Recorder struct {
	events     []eventStats // event n is at n-1
	deliveries uint64
	repeated   uint64
	outOfOrder uint64
}

// AddEvent adds the next event, whose write starts now while this number of clients is connected.
func (t *Recorder) AddEvent(now time.Duration, clients int) {
	t.events = append(t.events, eventStats{written: now, expected: clients})
}

// AddDelivery records that the client of w has received event n. It ignores an event that was not added.
func (t *Recorder) AddDelivery(w *Window, n uint32, now time.Duration) {
	if n == 0 || int64(n) > int64(len(t.events)) {
		return
	}
	switch w.add(n) {
	case duplicate:
		t.repeated++
		return
	case outOfOrder:
		t.outOfOrder++
	}
	t.deliveries++
	t.events[n-1].addDelivery(now)
}

// AddExternal records that the client of w has received an event that others wrote, without a known number. The event
// counts as the one after the client's newest event. If no client has received that one before, AddExternal adds it,
// as written now for this number of clients.
func (t *Recorder) AddExternal(w *Window, now time.Duration, clients int) {
	if int64(w.newest) == int64(len(t.events)) {
		t.AddEvent(now, clients)
	}
	t.AddDelivery(w, w.newest+1, now)
}

// addDelivery records one delivery.
func (e *eventStats) addDelivery(now time.Duration) {
	if e.delivered == 0 {
		e.first = now
	}
	e.delivered++
	e.last = now
}

// RemoveClient records that the client of w has disconnected, so that Outstanding does not wait for it.
func (t *Recorder) RemoveClient(w *Window) {
	if n := len(t.events); n > 0 && !w.has(uint32(n)) {
		t.events[n-1].gone++
	}
}

// Outstanding reports whether a connected client has not received the newest event yet.
func (t *Recorder) Outstanding() bool {
	if len(t.events) == 0 {
		return false
	}
	e := &t.events[len(t.events)-1]
	return e.delivered+e.gone < e.expected
}

// Events returns the number of events.
func (t *Recorder) Events() int { return len(t.events) }

// Deliveries returns the number of deliveries, without repeated ones.
func (t *Recorder) Deliveries() uint64 { return t.deliveries }
