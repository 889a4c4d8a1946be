package fanout

import (
	"sync"
	"time"
)

// clientCount is the number of connected clients. The zero value is ready to use, by several goroutines.
type clientCount struct {
	mu       sync.Mutex
	byFormat [formats]int  // guarded by mu
	total    int           // guarded by mu
	empty    chan struct{} // closed when total becomes 0; nil if no caller of zero waits; guarded by mu
}

// add adds n clients of a format; n may be negative.
func (c *clientCount) add(f Format, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byFormat[f] += n
	c.total += n
	if c.total == 0 && c.empty != nil {
		close(c.empty)
		c.empty = nil
	}
}

// of returns the number of clients of these formats.
func (c *clientCount) of(formats ...Format) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range formats {
		n += c.byFormat[f]
	}
	return n
}

// awaitZero waits until no client is connected, at most for the given time. It reports whether none is.
func (c *clientCount) awaitZero(limit time.Duration) bool {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-c.zero():
		return true
	case <-timeout.C:
		return false
	}
}

// zero returns a channel that is closed as soon as no client is connected.
func (c *clientCount) zero() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.empty == nil {
		c.empty = make(chan struct{})
	}
	empty := c.empty
	if c.total == 0 {
		close(c.empty)
		c.empty = nil
	}
	return empty
}
