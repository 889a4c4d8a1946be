package fanout

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestCatchUpPauseIsBounded holds a slot for different times, as on a machine that is idle, busy or stuck.
func TestCatchUpPauseIsBounded(t *testing.T) {
	for held, want := range map[time.Duration]time.Duration{
		100 * time.Microsecond: 0,
		time.Millisecond:       catchUpPause * time.Millisecond,
		100 * time.Millisecond: maxCatchUpPause,
		time.Minute:            maxCatchUpPause,
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newCatchUpLimiter(1)
			slot := l.acquire()
			time.Sleep(held)
			l.release(slot)
			released := time.Now()
			l.acquire()
			if got := time.Since(released); got != want {
				t.Errorf("a slot held for %v rests for %v, want %v", held, got, want)
			}
		})
	}
}
