// Package tally counts what becomes of events: which clients got each, when, and how often. It does no I/O and reads
// no clock; all times count from one moment of the caller's choice.
package stats

import "time"

// event is what became of one event.
type eventStats struct {
	written     time.Duration // when the write of it began
	first, last time.Duration // when clients got it; good if got is not 0
	expected    int           // clients that there were when it was written
	delivered   int           // clients that got it
	gone        int           // clients that went away without it
}

// Tally counts for one series of events, which are numbered from 1. The zero value is ready.
type Recorder struct {
	events     []eventStats // event n is at n-1
	deliveries uint64
	repeated   uint64
	outOfOrder uint64
}

// Write adds the event that begins to be written now, for so many clients.
func (t *Recorder) AddEvent(now time.Duration, clients int) {
	t.events = append(t.events, eventStats{written: now, expected: clients})
}

// Arrive notes that event n has come to the client of w. An event that has not been written is none of ours, and not
// counted.
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

// Overhear notes that something has come to the client of w, one of so many, where others write: it counts as the
// event behind the one that this client got last, and as written when the first client got it.
func (t *Recorder) AddExternal(w *Window, now time.Duration, clients int) {
	if int64(w.newest) == int64(len(t.events)) {
		t.AddEvent(now, clients)
	}
	t.AddDelivery(w, w.newest+1, now)
}

func (e *eventStats) addDelivery(now time.Duration) {
	if e.delivered == 0 {
		e.first = now
	}
	e.delivered++
	e.last = now
}

// Leave notes that the client of w is gone: no newer event is awaited from it.
func (t *Recorder) RemoveClient(w *Window) {
	if n := len(t.events); n > 0 && !w.has(uint32(n)) {
		t.events[n-1].gone++
	}
}

// Awaits reports whether there are clients that have not got the newest event, and are not gone.
func (t *Recorder) Outstanding() bool {
	if len(t.events) == 0 {
		return false
	}
	e := &t.events[len(t.events)-1]
	return e.delivered+e.gone < e.expected
}

// Len returns how many events there are.
func (t *Recorder) Events() int { return len(t.events) }

// Deliveries returns how many there are so far.
func (t *Recorder) Deliveries() uint64 { return t.deliveries }
