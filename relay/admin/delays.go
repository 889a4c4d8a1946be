package admin

import (
	"slices"
	"sync"
	"time"
)

// maxDelays is how many deliveries are remembered.
const maxDelays = 1000

// Delivery says how long the last deliveries took, from an event's being written until it was given to the last client
// that was caught up.
type Delivery struct {
	Count int     `json:"count"` // those that this is about
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Last  float64 `json:"last_ms"`
}

// delays is how long the last deliveries took.
type delays struct {
	mu   sync.Mutex
	ring [maxDelays]time.Duration // guarded by mu
	n    int                      // all that ever were; guarded by mu
}

func (d *delays) add(took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ring[d.n%maxDelays] = took
	d.n++
}

func (d *delays) summary() Delivery {
	d.mu.Lock()
	known := slices.Clone(d.ring[:min(d.n, maxDelays)])
	var last time.Duration
	if d.n > 0 {
		last = d.ring[(d.n-1)%maxDelays]
	}
	d.mu.Unlock()
	if len(known) == 0 {
		return Delivery{}
	}
	slices.Sort(known)
	rank := func(percent int) float64 { return milliseconds(known[(len(known)*percent+99)/100-1]) }
	return Delivery{Count: len(known), P50: rank(50), P99: rank(99), Last: milliseconds(last)}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
