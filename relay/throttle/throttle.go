// Package throttle limits how often a frequent event is logged. It writes no log itself. It is a separate package,
// although it is small, because five packages use it: listener, server, webhook, security/access and
// security/filter.
package throttle

import (
	"sync"
	"time"
)

// interval is the minimum time between two log messages of one kind.
const interval = 10 * time.Second

// Throttle decides when to log an event: at most once in 10 seconds. The zero value is ready to use. Its method may
// be called concurrently.
type Throttle struct {
	mu     sync.Mutex
	count  int       // number of events since the last that was logged; guarded by mu
	logged time.Time // when an event was last logged; guarded by mu
}

// Count counts an event and reports whether to log it. If so, n is the number of events since the last that was
// logged, including this one.
func (t *Throttle) Count() (n int, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	if now := time.Now(); now.Sub(t.logged) >= interval {
		n, t.count, t.logged = t.count, 0, now
		return n, true
	}
	return 0, false
}
