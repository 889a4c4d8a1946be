package admin

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPagesShareReports has 64 pages that ask for a report each second, for 10 seconds.
func TestPagesShareReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages, seconds = 64, 10
		var shared sharedReport
		reports := 0 // guarded by shared.mu
		for page := range pages {
			go func() {
				time.Sleep(time.Duration(page) * time.Millisecond)
				for range seconds {
					shared.get(func() Report { reports++; return Report{} })
					time.Sleep(reportInterval)
				}
			}()
		}
		time.Sleep((seconds + 1) * time.Second)
		synctest.Wait()
		if reports != seconds {
			t.Errorf("%d reports, want %d", reports, seconds)
		}
	})
}
