package sharedlog_test

import (
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/schema"
)

// TestPositionOfLostEntryGetsGap loses the newest entries while no relay runs, and gives their numbers to other events
// and to the same events again. Each position in a lost entry must get a gap, each other position none.
func TestPositionOfLostEntryGetsGap(t *testing.T) {
	const before = 5
	for lost := range before + 1 {
		for name, documents := range map[string][]int{
			"other events":    {11, 12, 13, 14, 15, 16},
			"the same events": {1, 2, 3, 4, 5, 6},
		} {
			synctest.Test(t, func(t *testing.T) {
				engine := newFakeEngine()
				capture := startCapture(t, engine, t.TempDir())
				synctest.Wait()
				capture.capture(t, 1, 2, 3, 4, 5)
				synctest.Wait()
				var positions []schema.Position
				for _, rec := range capture.joined.Log().Records() {
					parsed, err := schema.ParsePosition(rec.Position.String())
					if err != nil {
						t.Fatal(err)
					}
					positions = append(positions, parsed)
				}
				capture.stop()
				engine.set(func() { engine.entries = engine.entries[:before-lost]; clear(engine.ids) })
				time.Sleep(time.Second)
				capture = startCapture(t, engine, t.TempDir())
				synctest.Wait()
				capture.capture(t, documents...)
				synctest.Wait()
				for i, position := range positions {
					at, gap := capture.joined.Log().Resume(position)
					wantGap := i >= before-lost
					if (gap != nil) != wantGap || !wantGap && at.Seq != uint64(i+1) {
						t.Errorf("%s after %d lost: Resume(%s) = %v, %v", name, lost, position, at, gap)
					}
				}
			})
		}
	}
}

// TestPositionIsTheSameAtEachRelay compares relays whose mirrors begin at different entries, because the broker keeps
// fewer. Positions of the current release, without a tag, stay valid.
func TestPositionIsTheSameAtEachRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		capture := startCapture(t, engine, t.TempDir())
		synctest.Wait()
		capture.capture(t, 1, 2, 3, 4, 5)
		synctest.Wait()
		engine.set(func() { engine.first, engine.entries = 4, engine.entries[3:] })
		late := startEdge(t, engine, quiet)
		synctest.Wait()
		log := late.joined.Log()
		for _, rec := range capture.joined.Log().Records() {
			position := rec.Position
			_, gap := log.Resume(position)
			if wantGap := position.Seq == 3; (gap != nil) != wantGap { // the late relay does not know entry 3
				t.Errorf("Resume(%s) at the other relay: gap %v", position, gap)
			}
			position.Tag = ""
			if at, gap := log.Resume(position); gap != nil || at != position {
				t.Errorf("Resume(%s) = %v, %v", position, at, gap)
			}
		}
		if head := log.Head(); head != capture.joined.Log().Head() || len(head.Tag) != schema.TagSize {
			t.Errorf("heads differ: %v and %v", head, capture.joined.Log().Head())
		}
	})
}
