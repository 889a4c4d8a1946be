package server

import (
	"maps"
	"sync"
)

// counts counts things by their name. Its zero value is ready, and may be used from several goroutines.
type counts struct {
	mu sync.Mutex
	of map[string]uint64 // guarded by mu
}

// add counts one more.
func (c *counts) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[string]uint64)
	}
	c.of[name]++
}

// all returns the counts.
func (c *counts) all() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]uint64, len(c.of))
	maps.Copy(all, c.of)
	return all
}
