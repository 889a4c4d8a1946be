// Package throttle keeps what happens often from filling the log.
package throttle

import (
	"sync"
	"time"
)

// tellEvery is how often at most a log line of one kind is written, however often there is cause.
const tellEvery = 10 * time.Second

// Throttle decides when something that may happen often is logged: at most once in 10 s. Its zero value is ready, and may be
// used from several goroutines.
type Throttle struct {
	mu     sync.Mutex
	since  int       // how often it happened since it was logged; guarded by mu
	logged time.Time // guarded by mu
}

// Count notes that it has happened, and reports whether to log it, and how often it happened since that was done last.
func (t *Throttle) Count() (n int, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since++
	if now := time.Now(); now.Sub(t.logged) >= tellEvery {
		n, t.since, t.logged = t.since, 0, now
		return n, true
	}
	return 0, false
}
