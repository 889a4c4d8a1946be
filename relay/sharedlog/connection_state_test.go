package sharedlog_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestMissingReadPermissionCountsAsDisconnected lets an edge relay join but not read. It wants one log message a
// minute.
func TestMissingReadPermissionCountsAsDisconnected(t *testing.T) {
	for name, afterJoin := range map[string]bool{"during join": false, "after join": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := newFakeEngine()
				capture := startCapture(t, engine, t.TempDir())
				synctest.Wait()
				capture.capture(t, 1)
				synctest.Wait()
				denyRead := func() { engine.set(func() { engine.readErr = errors.New("read not permitted") }) }
				if !afterJoin {
					denyRead()
				}
				var log bytes.Buffer
				edge := startEdge(t, engine, slog.New(slog.NewTextHandler(&log, nil)))
				synctest.Wait()
				denyRead()
				time.Sleep(10*time.Minute - time.Second)
				status := edge.Status()
				if status.Connected || status.Problem != "read not permitted" || status.Reconnects != 0 {
					t.Errorf("status = %+v", status)
				}
				edge.stop()
				if n := strings.Count(log.String(), "\n"); n != 10 {
					t.Errorf("%d log messages in ten minutes, want 10:\n%.1000s", n, log.String())
				}
			})
		})
	}
}
