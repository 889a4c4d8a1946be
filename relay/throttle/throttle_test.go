package throttle_test

import (
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/throttle"
)

func TestLogsOnceInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var th throttle.Throttle
		logged := make(map[int]int)
		for second := range 25 {
			for range 2 {
				if n, due := th.Count(); due {
					logged[second] = n
				}
			}
			time.Sleep(time.Second)
		}
		want := map[int]int{0: 1, 10: 20, 20: 20}
		for second := range 25 {
			if logged[second] != want[second] {
				t.Errorf("second %d: %d events, want %d", second, logged[second], want[second])
			}
		}
	})
}
