//go:build linux

package steps

import (
	"cmp"
	"slices"
	"sync"
	"testing"
	"time"
)

// point is a point on the way of an event.
type point int

const (
	begun      point = iota // the writer opens the event file
	truncated               // the file is open and empty, and the writer calls write(2)
	notified                // the server has the notification that it reads the file for
	read                    // it has the content
	completed               // it has found the end of the document
	ingested                // the relay has the content
	decided                 // the event is valid and new
	recorded                // the record and its line in the journal are built
	journaled               // write(2) to the journal has returned
	delivering              // the delivery begins
	received                // read(2) of the client has returned
	delivered               // write(2) to the client has returned
	done                    // the server has no more to do for the event
	points
)

// way has the times at which an event reached the points, in nanoseconds of the clock that all processes share. A point
// that it has not reached is zero.
type way [points]int64

// step is the part of a way between two points.
type step struct {
	name     string
	from, to point
}

// total is the whole way to the client.
var total = step{"total", begun, received}

// on returns the duration of the step in nanoseconds.
func (s step) on(w way) int64 { return w[s.to] - w[s.from] }

// missing reports whether the way lacks a point of the step.
func (s step) missing(w way) bool { return w[s.from] == 0 || w[s.to] == 0 }

// trace records the ways of events that are written one after the other. Both processes count the events from 0.
type trace struct {
	mu       sync.Mutex
	ways     []way // guarded by mu
	accepted int   // number of events in the journal; guarded by mu
}

// reach records that the server's next event reached a point now.
func (t *trace) reach(p point) { t.reachAt(p, time.Now()) }

// reachAt records when the server's next event reached a point. From journaled on, that is the event of the point.
func (t *trace) reachAt(p point, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p == journaled {
		t.accepted++
	}
	event := t.accepted
	if p >= journaled {
		event = max(0, event-1)
	}
	for len(t.ways) <= event {
		t.ways = append(t.ways, way{})
	}
	t.ways[event][p] = at.UnixNano()
}

// merge adds the times of the writer and of the client. It returns the ways that have all points of the steps. While
// the disk is slow, the relay appends on another goroutine, and an event does not pass all points.
func (t *trace) merge(visits []visit, steps []step) (complete []way) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, v := range visits[:min(len(visits), len(t.ways))] {
		w := t.ways[i]
		w[begun], w[truncated], w[received] = v.Begun, v.Truncated, v.Received
		if !slices.ContainsFunc(steps, func(s step) bool { return s.missing(w) }) {
			complete = append(complete, w)
		}
	}
	return complete
}

// report reports the mean duration of each step, and of the total, in the half of the ways whose total is next to the
// median. The steps to the client add up to the total.
func report(b *testing.B, ways []way, steps []step) {
	if len(ways) == 0 {
		b.Fatal("no event has passed all steps")
	}
	slices.SortFunc(ways, func(v, w way) int { return cmp.Compare(total.on(v), total.on(w)) })
	ways = ways[len(ways)/4 : len(ways)-len(ways)/4]
	for _, s := range append(steps[:len(steps):len(steps)], total) {
		var sum int64
		for _, w := range ways {
			sum += s.on(w)
		}
		b.ReportMetric(float64(sum)/float64(len(ways)), s.name+"-ns/op")
	}
	b.ReportMetric(0, "ns/op") // it would include the pauses
}
