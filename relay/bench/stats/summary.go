package stats

import (
	"math"
	"slices"
	"time"
)

// Summary is the summary of a Recorder.
type Summary struct {
	Events     int
	Captured   int // events that reached at least one client
	Deliveries uint64
	Lost       uint64 // expected deliveries that did not happen
	Repeated   uint64 // deliveries of an event that the client had received before
	OutOfOrder uint64 // deliveries of an event after a newer one

	// Busy is the time during which at least one event was being delivered: from its write to its last delivery.
	Busy time.Duration

	// First, Last and Spread have one time for each captured event, in ascending order: from the write to the first
	// delivery, from the write to the last one, and from the first delivery to the last one.
	First, Last, Spread []time.Duration
}

// Summary returns the summary of everything recorded so far.
func (t *Recorder) Summary() Summary {
	s := Summary{
		Events:     len(t.events),
		Deliveries: t.deliveries,
		Repeated:   t.repeated,
		OutOfOrder: t.outOfOrder,
	}
	end := time.Duration(0) // end of the time that Busy counts so far
	for i := range t.events {
		e := &t.events[i]
		s.Lost += uint64(max(0, e.expected-e.delivered))
		if e.delivered == 0 {
			continue
		}
		s.Captured++
		s.First = append(s.First, e.first-e.written)
		s.Last = append(s.Last, e.last-e.written)
		s.Spread = append(s.Spread, e.last-e.first)
		s.Busy += max(0, e.last-max(e.written, end))
		end = max(end, e.last)
	}
	for _, times := range [][]time.Duration{s.First, s.Last, s.Spread} {
		slices.Sort(times)
	}
	return s
}

// LastOf returns the times from the write to the last delivery, in ascending order, of the captured events whose write
// started in [from, to).
func (t *Recorder) LastOf(from, to time.Duration) []time.Duration {
	var times []time.Duration
	for _, e := range t.events {
		if e.delivered > 0 && from <= e.written && e.written < to {
			times = append(times, e.last-e.written)
		}
	}
	slices.Sort(times)
	return times
}

// RecentLast returns the median time from the write to the last delivery. It considers the newest 10 events and ignores
// any that has not reached all clients. It returns 0 if none is left.
func (t *Recorder) RecentLast() time.Duration {
	var times []time.Duration
	for _, e := range t.events[max(0, len(t.events)-10):] {
		if e.delivered > 0 && e.delivered == e.expected {
			times = append(times, e.last-e.written)
		}
	}
	slices.Sort(times)
	return Quantile(times, 0.5)
}

// Quantile returns the q-quantile of times by the nearest-rank method: the smallest time that is not below a share of
// q of all. The times must be in ascending order. It returns 0 if there are none.
func Quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(times))))
	return times[max(1, min(rank, len(times)))-1]
}
