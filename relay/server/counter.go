package server

import (
	"maps"
	"sync"
)

// counter counts by label. The zero value works. It may be used by several goroutines.
type counter struct {
	mu      sync.Mutex
	byLabel map[string]uint64 // guarded by mu
}

// add adds one to the count of a label.
func (c *counter) add(label string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byLabel == nil {
		c.byLabel = make(map[string]uint64)
	}
	c.byLabel[label]++
}

// all returns a copy of the counts, never nil.
func (c *counter) all() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]uint64, len(c.byLabel))
	maps.Copy(all, c.byLabel)
	return all
}
