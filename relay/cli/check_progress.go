package cli

import (
	"fmt"
	"io"
	"time"
)

// showProgress writes how long the checks have been running, until the caller calls end, which waits for the last
// write. On a terminal it overwrites one line five times per second; elsewhere it writes a line every five seconds.
// expected is how long the checks usually take; 0: it is not known.
func showProgress(out io.Writer, terminal bool, expected time.Duration) (end func()) {
	interval, format, last := 5*time.Second, "checking: %s%s\n", ""
	if terminal {
		interval, format, last = 200*time.Millisecond, "\rchecking: %s%s\x1b[K", "\r\x1b[K"
	}
	usual := ""
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
				fmt.Fprintf(out, format, now.Sub(start).Truncate(time.Second), usual)
			case <-stop:
				fmt.Fprint(out, last)
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
