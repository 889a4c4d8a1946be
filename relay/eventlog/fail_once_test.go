package eventlog_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/durable/durabletest"
	"wpre-relay/relay/eventlog"
)

// powerThin times raceCost is the mean number of disks of which TestEveryCallFailsOnce opens one.
var powerThin = flag.Int("power.thin", 1, "mean number of disks of which TestEveryCallFailsOnce opens one")

// thinned multiplies powerThin for all faults except EIO: the log does not look at the error.
const thinned = 5

// failingRuns are the runs of which TestEveryCallFailsOnce fails the calls.
var failingRuns = []struct {
	name string
	run  func(*power, *durabletest.Disk, *history, func(past *history, healthy bool))
}{
	{"append", (*power).runFailing},
	{"expire", (*power).expireFailing},
}

// TestEveryCallFailsOnce fails one call after the other, or does a part of it. The log keeps the promises that
// TestPowerFailure checks after a kill and after each power failure: as soon as it reports no error, it has every
// record.
func TestEveryCallFailsOnce(t *testing.T) {
	for i, failing := range failingRuns {
		calls := recordCalls(t, i)
		for _, fault := range durabletest.Faults {
			t.Run(failing.name+"/"+fault.Error(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { failEachCall(t, i, calls, fault) })
			})
		}
	}
}

// failEachCall makes the run with this index once for each call that the fault applies to.
func failEachCall(t *testing.T, run int, calls []string, fault error) {
	p := &power{t: t, random: rand.New(rand.NewPCG(1, 0)), broken: make(map[string]int), thin: *powerThin * raceCost}
	if fault != syscall.EIO {
		p.thin *= thinned
	}
	for number, call := range calls {
		if number%raceCost == 0 && durabletest.Applies(fault, call) && !p.failOnce(run, number, fault) {
			t.Errorf("call %d, %s, is missing", number, call)
		}
	}
	t.Logf("%d calls, %d states, broken: %v", len(calls), p.states, p.broken)
}

// recordCalls returns the names of the calls that a run makes if none fails.
func recordCalls(t *testing.T, run int) (calls []string) {
	disk := durabletest.NewDisk(durabletest.Model{Piece: 512})
	disk.Fail = func(_ int, call, _ string) error {
		calls = append(calls, call)
		return nil
	}
	synctest.Test(t, func(t *testing.T) {
		failingRuns[run].run(&power{t: t}, disk, new(history), func(*history, bool) {})
	})
	return calls
}

// failOnce makes a run and fails the call with this number. It reports whether there was such a call.
func (p *power) failOnce(run, number int, fault error) (failed bool) {
	disk, past := durabletest.NewDisk(durabletest.Model{Piece: 512}), new(history)
	name := ""
	disk.Fail = func(n int, call, path string) error {
		if n != number {
			return nil
		}
		failed, name = true, fmt.Sprintf("call %d, %s %s", n, call, path)
		return fault
	}
	failingRuns[run].run(p, disk, past, func(past *history, healthy bool) {
		p.what = name
		p.restart(disk.Kill(), past, healthy, 0)
		p.restart(disk.Evict(), past, false, 0)
		p.cuts(disk, func(left *durabletest.Disk) { p.restart(left, past, false, 0) })
		p.restartSynced(disk.Kill(), past)
	})
	return failed
}

// runFailing writes to a log on a disk of which one call may fail. It calls check after each write; healthy says that
// the log reports no error.
func (p *power) runFailing(disk *durabletest.Disk, past *history, check func(past *history, healthy bool)) {
	log := p.openFailing(disk, past, powerOptions)
	for round := range 8 {
		if round == 6 {
			if log.Close() == nil {
				past.synced = len(past.published)
			}
			check(past, log.JournalError() == nil)
			log = p.openFailing(disk, past, powerOptions)
		}
		past.append(p.t, log, 1)
		n := len(past.published)
		if round%3 == 2 {
			log.Tick()
			check(past, log.JournalError() == nil)
			log.Tick()
			if log.JournalError() != nil {
				p.fail("it does not recover", log.JournalError())
			}
			past.synced = n
		}
		check(past, log.JournalError() == nil)
	}
}

// expireFailing is runFailing for a log whose records expire, except for the newest.
func (p *power) expireFailing(disk *durabletest.Disk, past *history, check func(past *history, healthy bool)) {
	opts := powerOptions
	opts.Age = time.Hour
	log := p.openFailing(disk, past, opts)
	for range 3 {
		past.append(p.t, log, 2)
		time.Sleep(2 * opts.Age)
		past.append(p.t, log, 1)
		n := len(past.published)
		for i := range n - 1 {
			past.published[i].lost = true
		}
		for range 3 { // the first rotates, the second deletes, the third repeats a failed call
			log.Tick()
			check(past, log.JournalError() == nil)
		}
		if log.JournalError() != nil {
			p.fail("it does not recover", log.JournalError())
		}
		past.synced = n
		check(past, log.JournalError() == nil)
	}
}

// cuts calls yield with some of the disks that a power failure may leave; see power.thin.
func (p *power) cuts(disk *durabletest.Disk, yield func(left *durabletest.Disk)) {
	disk.SomeCuts(p.random, func() bool { return p.random.IntN(p.thin) == 0 }, yield)
}

// openFailing opens a log on a disk of which one call may fail.
func (p *power) openFailing(disk *durabletest.Disk, past *history, opts eventlog.Options) *eventlog.Log {
	log, err := openLog(disk, opts)
	for range 2 {
		if err != nil {
			log, err = openLog(disk, opts)
		}
	}
	if err != nil {
		p.t.Fatalf("%s: it does not open later: %v", p.what, err)
	}
	past.epoch = log.Epoch()
	return log
}

// restartSynced opens the log after a kill, syncs it, and cuts the power. The records that the killed process had not
// synced, or of which the sync had failed, are durable then.
func (p *power) restartSynced(disk *durabletest.Disk, past *history) {
	past = past.clone()
	log, err := openLog(disk, powerOptions)
	if err != nil {
		p.fail("it does not open after a kill", err)
		return
	}
	kept := view(p.t, log, log.At(0), nil)
	log.Tick()
	log.Tick()
	p.cuts(disk, func(left *durabletest.Disk) {
		next := past.clone()
		for i := range next.published {
			next.published[i].lost = !contains(kept, next.published[i].seq)
		}
		next.synced = len(next.published)
		p.restart(left, next, false, 0)
	})
}
