package fanout

import (
	"testing"
	"time"
)

// TestHerdNeedsManyJoinsInAWindow has a herd of three joins.
func TestHerdNeedsManyJoinsInAWindow(t *testing.T) {
	const joins, ms = 3, time.Millisecond
	var h herd
	start := time.Now()
	for _, step := range []struct {
		at   time.Duration
		herd bool
	}{
		{0, false},
		{99 * ms, false},
		{100 * ms, false}, // the next window
		{150 * ms, false},
		{199 * ms, true},
		{200 * ms, true}, // the herd continues in a window with few joins
		{698 * ms, true},
		{699 * ms, false}, // no window had enough joins for herdQuiet
		{700 * ms, true},
	} {
		if got := h.join(start.Add(step.at), joins); got != step.herd {
			t.Errorf("after %v: got %t, want %t", step.at, got, step.herd)
		}
	}
	if end := start.Add(700*ms + herdQuiet); h.over(end.Add(-1)) || !h.over(end) {
		t.Errorf("the herd does not end after %v", herdQuiet)
	}
}
