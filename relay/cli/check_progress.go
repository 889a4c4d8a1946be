package cli

import (
	"fmt"
	"time"

	"wpre-relay/relay/progress"
)

// showProgress shows how long the checks have been running, until the caller calls end, which waits for the last
// write: on a terminal five times per second, elsewhere every five seconds. expected is how long the checks usually
// take; 0: it is not known.
func showProgress(line progress.Line, expected time.Duration) (end func()) {
	interval, usual := 5*time.Second, ""
	if line.Terminal {
		interval = 200 * time.Millisecond
	}
	if expected > 0 {
		usual = " of about " + expected.String()
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		start, ticker := time.Now(), time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				line.Show(fmt.Sprintf("checking: %s%s", now.Sub(start).Truncate(time.Second), usual))
			case <-stop:
				line.Clear()
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
