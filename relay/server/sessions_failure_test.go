package server

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/durable/durabletest"
)

const testSessions = "/var/state/resume.json"

// restart loads the sessions of a process that was stopped, and returns the position of the only browser, or 0.
func restart(fsys durable.FS) (lastDelivered uint64, loaded *sessions) {
	loaded = loadSessions(fsys, testSessions, "epoch", slog.New(slog.DiscardHandler))
	lost, _ := loaded.take("browser")
	return lost.lastDelivered, loaded
}

// stop saves the sessions of a process whose only browser has got the events up to lastDelivered.
func stop(s *sessions, lastDelivered uint64) error {
	s.add(lostConnection{"browser", lastDelivered, time.Now()})
	return s.save("epoch")
}

// TestSessionsSurvivePowerFailure stops and starts a relay twice, and cuts the power before each change. A position
// that was saved is there. One that was loaded never reappears: the browser would get events twice.
func TestSessionsSurvivePowerFailure(t *testing.T) {
	var allowed []uint64 // positions that may be loaded; 0: none is
	states := durabletest.EachCut(func(disk *durabletest.Disk) {
		loaded := newSessions(disk, testSessions)
		for position := uint64(1); position <= 2; position++ {
			allowed = []uint64{0, position}
			if err := stop(loaded, position); err != nil {
				t.Error(err)
			}
			allowed = []uint64{position}
			disk.OnChange()
			allowed = []uint64{0, position}
			var got uint64
			if got, loaded = restart(disk); got != position {
				t.Errorf("loaded %d, want %d", got, position)
			}
			allowed = []uint64{0}
			disk.OnChange()
		}
	}, func(left *durabletest.Disk) {
		if got, _ := restart(left); !slices.Contains(allowed, got) {
			t.Errorf("loaded %d, want one of %d", got, allowed)
		}
	})
	t.Logf("%d states", states)
}

// TestSessionsSurviveEachFailure stops and starts a relay twice, and fails one call. A position is loaded once or not
// at all, and the latter only if a call has failed meanwhile.
func TestSessionsSurviveEachFailure(t *testing.T) {
	runs := durabletest.EachFailure(func(disk *durabletest.Disk, failure string) {
		failed, fail := 0, disk.Fail
		disk.Fail = func(n int, call, path string) error {
			err := fail(n, call, path)
			if err != nil {
				failed++
			}
			return err
		}
		loaded := newSessions(disk, testSessions)
		for position := uint64(1); position <= 2; position++ {
			before := failed
			err := stop(loaded, position)
			if err != nil && failed == before {
				t.Errorf("%s: %v", failure, err)
			}
			disk.Cuts(rand.New(rand.NewPCG(1, 0)), func(left *durabletest.Disk) {
				if got, _ := restart(left); got != position && (got != 0 || err == nil) {
					t.Errorf("%s: loaded %d after a power failure, want %d", failure, got, position)
				}
			})
			var got uint64
			got, loaded = restart(disk)
			if got != position && (got != 0 || failed == before) {
				t.Errorf("%s: loaded %d, want %d", failure, got, position)
			}
			check := func(left *durabletest.Disk) {
				if again, _ := restart(left); again != 0 {
					t.Errorf("%s: loaded %d after %d", failure, again, got)
				}
			}
			check(disk.Kill())
			disk.Cuts(rand.New(rand.NewPCG(1, 0)), check)
		}
	})
	t.Logf("%d runs", runs)
}
