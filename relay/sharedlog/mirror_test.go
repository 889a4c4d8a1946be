package sharedlog_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/schema"
)

func TestRepeatedAndInvalidEntriesBecomeTombstones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		capture, edge := startCapture(t, engine, t.TempDir()), startEdge(t, engine, quiet)
		synctest.Wait()
		capture.capture(t, 1)
		synctest.Wait()
		engine.set(func() {
			repeated, invalid := engine.entries[0], sharedlog.Entry{Seq: 3, ID: "x", Text: []byte("not a line")}
			repeated.Seq = 2
			engine.entries = append(engine.entries, repeated, invalid)
		})
		capture.capture(t, 2)
		edge.wantMirror(t, "1:"+document(1)+" 2:tombstone 3:tombstone 4:"+document(2))
	})
}

func TestExpiredEntriesAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		capture, edge := startCapture(t, engine, t.TempDir()), startEdge(t, engine, quiet)
		synctest.Wait()
		capture.capture(t, 1)
		synctest.Wait()
		engine.disconnect("connection reset")
		synctest.Wait()
		engine.set(func() {
			stamp := schema.Stamp{Position: schema.Position{Epoch: "x", Seq: 1}, Time: time.Now()}
			text := schema.Line{Stamp: stamp, Document: []byte(document(5))}.Append(nil)
			engine.first, engine.entries = 5, []sharedlog.Entry{{Seq: 5, ID: "e", Text: text}}
		})
		engine.connect()
		time.Sleep(time.Minute)
		edge.wantMirror(t, "1:"+document(1)+" 5:"+document(5))
	})
}

func TestStreamResetEndsRun(t *testing.T) {
	for name, reset := range map[string]func(*fakeEngine){
		"another epoch":       func(e *fakeEngine) { e.epoch, e.entries = "two", nil },
		"newest entry lost":   func(e *fakeEngine) { e.entries = e.entries[:1] },
		"other entry instead": func(e *fakeEngine) { e.entries[1].ID = "another" },
		"other entries after it": func(e *fakeEngine) {
			e.entries[1].ID = "another"
			e.entries = append(e.entries, sharedlog.Entry{Seq: 3, ID: "one more"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := newFakeEngine()
				capture := startCapture(t, engine, t.TempDir())
				synctest.Wait()
				capture.capture(t, 1, 2)
				synctest.Wait()
				engine.disconnect("connection reset")
				synctest.Wait()
				engine.set(func() { engine.err = nil; reset(engine) })
				if err := <-capture.result; !errors.Is(err, sharedlog.ErrStreamReset) {
					t.Errorf("Run returns %v, want %v", err, sharedlog.ErrStreamReset)
				}
			})
		})
	}
}
