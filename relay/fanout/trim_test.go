package fanout

import (
	"testing"
	"time"
)

func TestMemoryIsReleasedOnceAfterTheStartAndAHerd(t *testing.T) {
	var trim trim
	changes := uint64(0)
	for look, step := range []struct {
		changes uint64
		due     bool
		next    time.Duration
	}{
		{0, true, trimInterval}, // the start
		{0, false, trimInterval},
		{quietChanges, false, trimInterval}, // a few visitors
		{herdSize, false, herdInterval},     // the herd is not over
		{herdSize, false, herdInterval},
		{quietChanges, true, trimInterval},
		{0, false, trimInterval},
		{quietChanges, false, trimInterval},
		{herdSize, false, herdInterval},
		{0, true, trimInterval}, // the next herd
	} {
		changes += step.changes
		if due, next := trim.look(changes); due != step.due || next != step.next {
			t.Errorf("look %d: got %t, %v, want %t, %v", look, due, next, step.due, step.next)
		}
	}
}
