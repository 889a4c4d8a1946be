package enginetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

// Loss is what another program or a failover does to a part of a stream.
type Loss struct {
	// Prepare is called after the first event, for losses of the others. Default: not called.
	Prepare func(t *testing.T, stream string)

	// Lose does it.
	Lose func(t *testing.T, stream string)

	// Problem is a part of the cause that the capture relay must name, if it cannot recover by itself. Default: it
	// recovers.
	Problem string

	// Repair undoes Lose. Required if Problem is set.
	Repair func(t *testing.T, stream string)
}

const (
	// eventsBefore and eventsAfter are the numbers of events before and after a loss. There are more after it, so
	// that they take the numbers of all lost entries.
	eventsBefore = 3
	eventsAfter  = 5
)

// TestLosses tests that relays recover from each loss or name its cause, and that clients miss no event without a gap.
// Open opens a connection to the stream with this name, which each loss has for itself. With parallel, losses happen
// at the same time.
func TestLosses(
	t *testing.T, open func(stream string) (sharedlog.Engine, error), parallel bool, losses map[string]Loss,
) {
	run := func(name string, loss Loss, stopped bool) {
		t.Run(name, func(t *testing.T) {
			if parallel {
				t.Parallel()
			}
			stream := StreamOf(name)
			testLoss(t, func() (sharedlog.Engine, error) { return open(stream) }, stream, loss, stopped)
		})
	}
	for name, loss := range losses {
		run(name, loss, false)
		if loss.Problem == "" {
			run(name+" while stopped", loss, true)
		}
	}
}

// StreamOf returns the name of the stream for the loss with this name, while relays run.
func StreamOf(loss string) string { return strings.ReplaceAll(loss, " ", "-") }

// testLoss tests one loss, while two relays run or, if stopped is set, while none does.
func testLoss(t *testing.T, open func() (sharedlog.Engine, error), stream string, loss Loss, stopped bool) {
	capture, edge := newRelay(t, open, true), newRelay(t, open, false)
	capture.capture(1)
	capture.wantEvents(1)
	if loss.Prepare != nil {
		loss.Prepare(t, stream)
	}
	capture.capture(eventsBefore - 1)
	capture.wantEvents(eventsBefore)
	edge.wantEvents(eventsBefore)
	positions := edge.positions()
	if stopped {
		capture.stop()
		edge.stop()
	}
	loss.Lose(t, stream)
	lost := time.Now()
	if stopped {
		capture.start()
		edge.start()
		capture.wantConnected() // no event helps a relay to start
		edge.wantConnected()
	}
	capture.capture(1)
	if loss.Problem != "" {
		capture.wantProblem(loss.Problem)
		t.Logf("problem named after %v", time.Since(lost).Round(10*time.Millisecond))
		loss.Repair(t, stream)
	}
	capture.capture(eventsAfter - 1)
	for _, r := range []*relay{capture, edge} {
		r.wantEvents(eventsBefore + eventsAfter)
		r.wantConnected()
	}
	t.Logf("recovered after %v", time.Since(lost).Round(10*time.Millisecond))
	for _, r := range []*relay{capture, edge} {
		for received, position := range positions {
			r.wantGapOrRest(position, received)
		}
	}
}

// wantGapOrRest waits until a client gets a gap, or exactly the events that it lacks, if it has received a number of
// events and resumes after the last one, at this position.
func (r *relay) wantGapOrRest(position schema.Position, received int) {
	r.t.Helper()
	var rest []int
	for n := received + 1; n <= eventsBefore+eventsAfter; n++ {
		rest = append(rest, n)
	}
	var got []int
	if !testwait.Until(func() (gap bool) { got, gap = r.resume(position); return gap || slices.Equal(got, rest) }) {
		r.t.Errorf("a client at %s, after %d events, gets %v without a gap", position, received, got)
	}
}

// resume returns the events that a client gets after a position, or reports a gap.
func (r *relay) resume(position schema.Position) (got []int, gap bool) {
	log := r.currentLog()
	at, notice := log.Resume(position)
	if notice != nil {
		return nil, true
	}
	for _, rec := range log.Records() {
		switch {
		case rec.Position.Seq <= at.Seq:
			continue
		case rec.Position.Seq > at.Seq+1 || rec.IsGap():
			return nil, true
		case !rec.IsTombstone():
			got = append(got, numberOf(rec))
		}
		at = rec.Position
	}
	return got, false
}

// wantProblem waits until the relay names a cause. It must then not report that it is connected.
func (r *relay) wantProblem(problem string) {
	r.t.Helper()
	if !testwait.Until(func() bool { return strings.Contains(r.status().Problem, problem) }) {
		r.t.Errorf("status = %+v, want a problem with %q", r.status(), problem)
	}
	for range 50 {
		if status := r.status(); status.Connected || !strings.Contains(status.Problem, problem) {
			r.t.Errorf("status = %+v, want problem %q until it is repaired", status, problem)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
