package stats

import (
	"math"
	"slices"
	"time"
)

// Summary is what a Tally comes to.
type Summary struct {
	Events     int
	Captured   int // events that came to at least one client
	Deliveries uint64
	Lost       uint64 // deliveries that there should have been, too
	Repeated   uint64
	OutOfOrder uint64

	// Busy is for how long at least one event was on its way: from its write to its arrival at the last client.
	Busy time.Duration

	// Of each captured event, in ascending order: the time from its write to the first client and to the last, and
	// from the first to the last.
	First, Last, Spread []time.Duration
}

// Summary returns what the tally comes to so far.
func (t *Recorder) Summary() Summary {
	s := Summary{
		Events:     len(t.events),
		Deliveries: t.deliveries,
		Repeated:   t.repeated,
		OutOfOrder: t.outOfOrder,
	}
	end := time.Duration(0) // of what Busy counts so far
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

// RecentLast returns the median time to the last client of the newest events that have reached all of theirs, 0 if
// there is none. It looks at few.
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

// Quantile returns the least of the times, which are in ascending order, that at least the share q of them does not
// exceed (the nearest rank); 0 if there are none.
func Quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(times))))
	return times[max(1, min(rank, len(times)))-1]
}
