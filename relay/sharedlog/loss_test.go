package sharedlog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/sharedlog"
)

// TestLossBecomesOneGapForAllRelays loses the newest entry while relays run or while none does. A client that has
// received only the entries before must get a gap, too, because it misses the lost one.
func TestLossBecomesOneGapForAllRelays(t *testing.T) {
	for name, stopped := range map[string]bool{"connected": false, "stopped": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine, dir := newFakeEngine(), t.TempDir()
				one, two := startCapture(t, engine, dir), startCapture(t, engine, t.TempDir())
				synctest.Wait()
				one.capture(t, 1, 2)
				synctest.Wait()
				if stopped {
					one.stop()
					two.stop()
				}
				engine.disconnect("connection reset")
				synctest.Wait()
				engine.set(func() { engine.err, engine.entries = nil, engine.entries[:1] })
				if stopped {
					one = startCapture(t, engine, dir)
					wantReset(t, one.joinErr)
				} else {
					wantReset(t, one.result)
					wantReset(t, two.result)
				}
				one.stop()
				for range 2 { // the loss is reported once
					again := startCapture(t, engine, dir)
					late := startEdge(t, engine, quiet)
					time.Sleep(time.Second)
					again.wantMirror(t, "1:"+document(1)+" 2:gap")
					late.wantMirror(t, "1:"+document(1)+" 2:gap")
					again.stop()
				}
			})
		})
	}
}

func wantReset(t *testing.T, result <-chan error) {
	t.Helper()
	if err := <-result; !errors.Is(err, sharedlog.ErrStreamReset) {
		t.Errorf("got %v, want %v", err, sharedlog.ErrStreamReset)
	}
}

// TestDeletedTailDoesNotDelayJoin deletes the newest entry, so that the stream ends before its last number.
func TestDeletedTailDoesNotDelayJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		capture := startCapture(t, engine, t.TempDir())
		synctest.Wait()
		capture.capture(t, 1, 2)
		synctest.Wait()
		engine.set(func() { engine.entries[1].Seq = 0 })
		edge := startEdge(t, engine, quiet)
		edge.wantMirrored(t, 1)
		if status := edge.Status(); !status.Connected {
			t.Errorf("status = %+v", status)
		}
	})
}

// TestPublishingProblemLastsWhileReadingSucceeds fails Append while another relay's events arrive.
func TestPublishingProblemLastsWhileReadingSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		one, two := startCapture(t, engine, t.TempDir()), startCapture(t, engine, t.TempDir())
		synctest.Wait()
		engine.set(func() { engine.appendErr = errors.New("no permission") })
		one.capture(t, 1)
		for n := range 5 {
			time.Sleep(time.Second)
			engine.set(func() { engine.appendErr = nil })
			engine.Append(t.Context(), fmt.Sprint(n), nil)
			engine.set(func() { engine.appendErr = errors.New("no permission") })
			synctest.Wait()
			status, other := one.Status(), two.Status()
			if status.Connected || !strings.Contains(status.Problem, "no permission") || one.Disconnected() {
				t.Errorf("status = %+v, disconnected %v", status, one.Disconnected())
			}
			if !other.Connected {
				t.Errorf("a relay without events: status = %+v", other)
			}
		}
	})
}

// TestNothingIsAppendedUntilJoinSucceeds reconnects to a broker that has something else in place of the stream.
func TestNothingIsAppendedUntilJoinSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		capture := startCapture(t, engine, t.TempDir())
		synctest.Wait()
		capture.capture(t, 1)
		synctest.Wait()
		engine.set(func() { engine.joinErr, engine.readErr = errors.New("not a stream"), errors.New("deleted") })
		time.Sleep(time.Second)
		capture.capture(t, 2)
		time.Sleep(time.Minute)
		if status := capture.Status(); status.Problem != "not a stream" || status.Pending != 1 || len(engine.entries) != 1 {
			t.Errorf("status = %+v with %d entries", status, len(engine.entries))
		}
		engine.set(func() { engine.joinErr, engine.readErr = nil, nil })
		time.Sleep(time.Minute)
		capture.wantMirrored(t, 1, 2)
	})
}
