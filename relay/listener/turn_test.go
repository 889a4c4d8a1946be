package listener

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestTurnPassesOnce has handshakes of different lengths, with and without calls of pass.
func TestTurnPassesOnce(t *testing.T) {
	for _, tc := range []struct {
		takes  time.Duration
		passes int
		keeps  bool
	}{
		{takes: 0, keeps: true},
		{takes: maxWait - 1, keeps: true},
		{takes: maxWait + 1},
		{takes: time.Hour},
		{takes: time.Millisecond, passes: 1},
		{takes: time.Hour, passes: 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			passed := 0
			turn := newTurn(func() { passed++ })
			time.Sleep(2 * time.Hour) // no handshake
			for range 3 {
				turn.begin()
				for range tc.passes {
					turn.pass()
					synctest.Wait()
				}
				time.Sleep(tc.takes)
				if keeps := turn.end(); keeps != tc.keeps {
					t.Errorf("%+v: keeps the turn: %v", tc, keeps)
				}
				if !tc.keeps {
					break
				}
			}
			synctest.Wait()
			if passed > 1 || (passed == 0) != tc.keeps {
				t.Errorf("%+v: passed %d times", tc, passed)
			}
		})
	}
}
