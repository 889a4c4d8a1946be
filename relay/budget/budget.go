// Package budget bounds a resource that clients use, such as memory, and divides it between their networks. It never
// waits: Acquire fails if too little is free. It knows no clients.
package budget

import (
	"net/netip"
	"sync"
)

// Budget is an amount that networks share. Use New. It may be used by several goroutines.
//
// A network may hold at most as much as stays free (the dynamic threshold of Choudhury and Hahne, IEEE/ACM ToN 1998).
// So one network gets at most half of the budget. With k greedy networks, each gets at most 1/(k+1) of it, and as much
// stays free for others. Nothing is set aside for networks that do not exist.
type Budget struct {
	total int

	mu      sync.Mutex
	used    int                  // guarded by mu
	held    map[netip.Prefix]int // by network, never 0; guarded by mu
	refused uint64               // guarded by mu
}

// Status is the state of a budget.
type Status struct {
	Total   int    `json:"total"`
	Used    int    `json:"used"`
	Refused uint64 `json:"refused"` // calls of Acquire that failed; it only grows
}

// New returns a budget of this amount.
func New(total int) *Budget { return &Budget{total: total, held: make(map[netip.Prefix]int)} }

// Acquire takes n from the budget for a network. It reports false, and takes nothing, if the network would then hold
// more than is still free. The caller must release the amount later.
func (b *Budget) Acquire(network netip.Prefix, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[network]+n > b.total-b.used-n {
		b.refused++
		return false
	}
	if n > 0 {
		b.used += n
		b.held[network] += n
	}
	return true
}

// Release gives n back that was acquired for the network.
func (b *Budget) Release(network netip.Prefix, n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.held[network] -= n; b.held[network] == 0 {
		delete(b.held, network)
	}
}

// Status returns the current state.
func (b *Budget) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Status{Total: b.total, Used: b.used, Refused: b.refused}
}
