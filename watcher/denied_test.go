package watcher

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestUnreadableFileIsReportedAfterASecond has a file whose mode changes after some time, as WordPress creates it.
func TestUnreadableFileIsReportedAfterASecond(t *testing.T) {
	for after, want := range map[time.Duration]int{
		time.Microsecond:                  0,
		deniedGrace - time.Millisecond:    0,
		deniedGrace + time.Millisecond:    1,
		10*deniedGrace + time.Microsecond: 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			w, err := New("/srv/event.json", Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			l := newLoop(w, nil)
			defer l.ticker.Stop()
			readable := time.After(after)
			read := func() (done bool) {
				select {
				case <-readable:
					l.reportRead(nil)
					return true
				default:
					l.reportRead(fmt.Errorf("open: %w", fs.ErrPermission))
					return false
				}
			}
			for !read() {
				select { // without a notification, only retry leads to another read
				case <-l.retry.C:
				case <-time.After(after):
				}
			}
			if got := strings.Count(log.String(), "level=WARN"); got != want {
				t.Errorf("readable after %s: %d warnings, want %d\n%s", after, got, want, &log)
			}
			if status := w.Status(); !status.Present || status.Problem != "" {
				t.Errorf("the status at the end: %+v", status)
			}
		})
	}
}
