package fileop_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/fileop"
)

// logLines runs change while operations are reported, and returns the lines of the log.
func logLines(t *testing.T, change func()) []string {
	t.Helper()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			fileop.Report(ctx, slog.New(slog.NewTextHandler(&log, nil)))
		}()
		change()
		cancel()
		<-done
	})
	return strings.Split(strings.TrimSpace(log.String()), "\n")
}

func TestReportNamesHangingOperationsOnceWithinTwoSeconds(t *testing.T) {
	lines := logLines(t, func() {
		operation := fileop.Begin("read", "/mnt/a")
		fileop.Begin("stat", "/mnt/quick").End()
		time.Sleep(2*time.Second - time.Millisecond)
		if hanging := fileop.Hanging(); len(hanging) != 1 || hanging[0].Path != "/mnt/a" {
			t.Errorf("hanging: %v", hanging)
		}
		time.Sleep(time.Minute)
		operation.End()
		time.Sleep(time.Second)
		if hanging := fileop.Hanging(); len(hanging) != 0 {
			t.Errorf("hanging after the end: %v", hanging)
		}
	})
	if len(lines) != 2 || !strings.Contains(lines[0], `"file operation has not returned" operation=read path=/mnt/a`) ||
		!strings.Contains(lines[1], `"file operation returned" operation=read path=/mnt/a`) {
		t.Errorf("got %q", lines)
	}
}

func TestDoGivesUpAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, release := time.Now(), make(chan struct{})
		_, err := fileop.Do("open", "/mnt/a", 3*time.Second, func() (int, error) { <-release; return 1, nil })
		if !errors.Is(err, fileop.ErrHangs) || !strings.Contains(err.Error(), "open /mnt/a") ||
			time.Since(begin) != 3*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		close(release)
		failure := errors.New("failure")
		n, err := fileop.Do("open", "/mnt/a", time.Second, func() (int, error) { return 2, failure })
		if n != 2 || err != failure {
			t.Errorf("got %d, %v", n, err)
		}
	})
}
