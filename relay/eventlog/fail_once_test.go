package eventlog_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"wpre-relay/relay/durable/durabletest"
	"wpre-relay/relay/eventlog"
)

// maxCalls is more than the number of calls that failOnce makes.
const maxCalls = 1000

// TestEveryCallFailsOnce fails one call after the other. The log keeps the promises that TestPowerFailure checks after
// a kill and after each power failure: as soon as it reports no error, it has every record.
func TestEveryCallFailsOnce(t *testing.T) {
	for _, fault := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EINTR} {
		t.Run(fault.Error(), func(t *testing.T) {
			t.Parallel()
			p := &power{t: t, random: rand.New(rand.NewPCG(1, 0)), broken: make(map[string]int)}
			for number := range maxCalls {
				if !p.failOnce(number, fault) {
					t.Logf("%d calls, %d states, broken: %v", number, p.states, p.broken)
					return
				}
			}
			t.Errorf("more than %d calls", maxCalls)
		})
	}
}

// failOnce writes to a log and fails the call with this number. It reports whether there was such a call.
func (p *power) failOnce(number int, fault error) (failed bool) {
	disk, past := durabletest.NewDisk(durabletest.Model{Piece: 512}), new(history)
	disk.Fail = func(n int, call, path string) error {
		if n != number {
			return nil
		}
		failed = true
		return fault
	}
	opts := powerOptions
	opts.FS = disk
	log, err := eventlog.Open("/var/state", opts)
	for range 2 {
		if err != nil {
			log, err = eventlog.Open("/var/state", opts)
		}
	}
	if err != nil {
		p.fail(fmt.Sprintf("call %d: it does not open later", number), err)
		return failed
	}
	past.epoch = log.Epoch()
	for round := range 8 {
		past.append(p.t, log, 1)
		n := len(past.published)
		if round%3 == 2 {
			log.Tick()
			log.Tick()
			if log.JournalError() != nil {
				p.fail(fmt.Sprintf("call %d: it does not recover", number), log.JournalError())
			}
			past.synced = n
		}
		healthy := log.JournalError() == nil
		p.restart(disk.Kill(), past, healthy, 0)
		disk.Cuts(p.random, func(left *durabletest.Disk) { p.restart(left, past, false, 0) })
	}
	return failed
}
