package fanout

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// herdSize is the number of clients that come or go before memory is released. The handshakes of so many leave
	// several MiB of garbage, more than the memory of the clients themselves.
	herdSize = 500

	// trimInterval is the time between two looks at the number of clients that have come or gone. After a herd, the
	// next look is sooner, after herdInterval.
	trimInterval = time.Second
	herdInterval = 250 * time.Millisecond

	// quietChanges is the number of clients that come or go between two looks without delaying the release.
	quietChanges = 5
)

// trim decides when memory is released to the system: after the start, and once a herd of clients has come or gone.
// Go's runtime would keep most of it until the next herd.
type trim struct {
	started  bool   // the memory of the start was released
	released uint64 // number of changes at the last release
	last     uint64 // number of changes at the last look
}

// look reports whether memory must be released, given the number of clients that have come or gone so far, and when
// to look again.
func (t *trim) look(changes uint64) (due bool, next time.Duration) {
	quiet := changes-t.last <= quietChanges
	t.last = changes
	herd := changes-t.released >= herdSize
	switch {
	case quiet && (herd || !t.started):
		t.started, t.released = true, changes
		return true, trimInterval
	case herd:
		return false, herdInterval
	default:
		return false, trimInterval
	}
}

// releaseMemory releases memory to the system after the start, and after each herd, until ctx is done. It collects
// garbage, which takes about a millisecond of CPU time for each MiB in use.
func (c *Clients) releaseMemory(ctx context.Context) {
	var trim trim
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			due, next := trim.look(2*c.connects.Load() - uint64(c.Len()))
			if due {
				debug.FreeOSMemory()
			}
			timer.Reset(next)
		case <-ctx.Done():
			return
		}
	}
}
