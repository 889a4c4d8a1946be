package sharedlog_test

import (
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/schema"
)

func TestEveryRelayMirrorsCapturedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		capture, edge := startCapture(t, engine, t.TempDir()), startEdge(t, engine, quiet)
		synctest.Wait()
		capture.capture(t, 1, 2)
		edge.wantMirrored(t, 1, 2)
		capture.wantMirrored(t, 1, 2)
		late := startEdge(t, engine, quiet)
		late.wantMirrored(t, 1, 2)
		capture.stop()
		edge.stop()
	})
}

func TestEventCapturedTwiceIsPublishedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		one, two := startCapture(t, engine, t.TempDir()), startCapture(t, engine, t.TempDir())
		synctest.Wait()
		for _, n := range []int{1, 2, 1, 3} { // A-B-A is three events
			one.capture(t, n)
			two.capture(t, n)
		}
		one.wantMirrored(t, 1, 2, 1, 3)
		two.wantMirrored(t, 1, 2, 1, 3)
		one.stop()
		two.capture(t, 4)
		two.wantMirrored(t, 1, 2, 1, 3, 4)
	})
}

// TestOutboxLineCapturedTwiceIsPublishedOnce captures lines with the same document, of which each is an event.
func TestOutboxLineCapturedTwiceIsPublishedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		one, two := startCapture(t, engine, t.TempDir()), startCapture(t, engine, t.TempDir())
		synctest.Wait()
		for n := range 3 {
			line := event(t, 1)
			line.From.Position = schema.Position{Epoch: "outbox", Seq: uint64(n + 1)}
			line.From.Time = time.Unix(int64(n), 0).UTC()
			one.own.Append(line)
			two.own.Append(line)
		}
		one.wantMirrored(t, 1, 1, 1)
		two.wantMirrored(t, 1, 1, 1)
	})
}

func TestEventsAreRetainedWhileBrokerIsUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, dir := newFakeEngine(), t.TempDir()
		engine.disconnect("connection refused")
		capture, edge := startCapture(t, engine, dir), startEdge(t, engine, quiet)
		capture.capture(t, 1)
		time.Sleep(time.Minute)
		if status := edge.Status(); status.Connected || status.Problem != "connection refused" {
			t.Errorf("before the first connection: status = %+v", status)
		}
		capture.stop()
		capture = startCapture(t, engine, dir)
		capture.capture(t, 2)
		engine.connect()
		time.Sleep(time.Minute)
		edge.wantMirrored(t, 1, 2)

		engine.disconnect("connection reset")
		capture.capture(t, 3)
		time.Sleep(time.Minute)
		if status := edge.Status(); status.Connected || status.Problem != "connection reset" {
			t.Errorf("after disconnect: status = %+v", status)
		}
		engine.connect()
		time.Sleep(time.Minute)
		edge.wantMirrored(t, 1, 2, 3)
		if status := edge.Status(); !status.Connected || status.Reconnects != 2 {
			t.Errorf("after two outages: status = %+v", status)
		}
		capture.stop()
		capture = startCapture(t, engine, dir)
		capture.wantMirrored(t, 1, 2, 3) // a restart publishes nothing again
	})
}

func TestEventsFromBeforeFirstOpenAreNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		own := openLog(t, dir)
		own.Append(event(t, 1))
		own.Close()
		capture := startCapture(t, newFakeEngine(), dir)
		synctest.Wait()
		capture.capture(t, 2)
		capture.wantMirrored(t, 2)
	})
}
