package server

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

const (
	// maxPaced bounds the networks whose pace is remembered.
	maxPaced = 1 << 16
)

// admission bounds how many clients are connected, in all and from one address, and how fast they come from one.
type admission struct {
	maxClients int        // 0: no limit
	maxPerIP   int        // 0: no limit
	maxRate    rate.Limit // requests a second from one address; 0: no limit

	mu      sync.Mutex
	clients int                            // guarded by mu
	perIP   map[netip.Prefix]int           // guarded by mu; empty without a limit
	pace    map[netip.Prefix]*rate.Limiter // guarded by mu; empty without a limit
}

// hasty reports whether another request from this address comes too soon. Ten seconds' worth may come at once, as when all
// of an office come back.
func (a *admission) hasty(address netip.Addr) bool {
	if a.maxRate <= 0 {
		return false
	}
	network := networkOf(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	limiter := a.pace[network]
	if limiter == nil {
		if a.pace == nil || len(a.pace) >= maxPaced {
			a.pace = make(map[netip.Prefix]*rate.Limiter)
		}
		limiter = rate.NewLimiter(a.maxRate, max(1, int(10*a.maxRate)))
		a.pace[network] = limiter
	}
	return !limiter.Allow()
}

// admit takes a place for a client at the given address, and returns the reason if there is none. Who is admitted must
// leave once.
func (a *admission) admit(address netip.Addr) (leave func(), refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.maxClients > 0 && a.clients >= a.maxClients {
		return nil, "max_clients"
	}
	if a.maxPerIP <= 0 {
		a.clients++
		return a.leave, ""
	}
	network := networkOf(address)
	if a.perIP[network] >= a.maxPerIP {
		return nil, "max_clients_per_ip"
	}
	if a.perIP == nil {
		a.perIP = make(map[netip.Prefix]int)
	}
	a.clients++
	a.perIP[network]++
	return func() { a.leaveFrom(network) }, ""
}

func (a *admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients--
}

func (a *admission) leaveFrom(network netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients--
	if a.perIP[network]--; a.perIP[network] == 0 {
		delete(a.perIP, network)
	}
}

// networkOf returns what one party can be expected to hold: an IPv4 address, or an IPv6 /64 (RFC 6177 §2). All whose
// address is not known are one party.
func networkOf(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits)
	return network
}
