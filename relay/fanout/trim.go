package fanout

import "runtime/debug"

const (
	// herdSize is the number of clients that come or go before memory is released. The handshakes of so many leave
	// several MiB of garbage, more than the memory of the clients themselves.
	herdSize = 500

	// quietChanges is the number of clients that come or go in a second without delaying the release.
	quietChanges = 20
)

// trim releases memory to the system after the start, and once a herd of clients has come or gone: Go's runtime would
// keep most of it until the next herd. Only the goroutine of shard 0 uses it.
type trim struct {
	started  bool   // the memory of the start was released
	released uint64 // number of changes at the last release
	last     uint64 // number of changes a second ago
}

// due reports whether memory must be released, given the number of clients that have come or gone so far. It is called
// at the start, and then once in a second.
func (t *trim) due(changes uint64) bool {
	quiet := changes-t.last <= quietChanges
	t.last = changes
	if !quiet || t.started && changes-t.released < herdSize {
		return false
	}
	t.started, t.released = true, changes
	return true
}

// releaseMemory releases memory to the system after the start, and if a herd of clients has come or gone. It collects
// garbage, which takes about a millisecond of CPU time for each MiB in use, beside the shard.
func (s *shard) releaseMemory() {
	connects := s.set.connects.Load()
	if s.number == 0 && s.trim.due(2*connects-uint64(s.set.Len())) {
		s.set.tasks.Go(debug.FreeOSMemory)
	}
}
