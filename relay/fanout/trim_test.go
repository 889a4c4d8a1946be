package fanout

import "testing"

func TestMemoryIsReleasedOnceAfterTheStartAndAHerd(t *testing.T) {
	var trim trim
	changes := uint64(0)
	for second, step := range []struct {
		changes uint64
		due     bool
	}{
		{0, true}, // the start
		{0, false},
		{quietChanges, false}, // a few visitors
		{herdSize, false},     // the herd is not over
		{herdSize, false},
		{quietChanges, true},
		{0, false},
		{quietChanges, false},
		{herdSize, false},
		{0, true}, // the next herd
	} {
		changes += step.changes
		if got := trim.due(changes); got != step.due {
			t.Errorf("second %d: got %t, want %t", second, got, step.due)
		}
	}
}
