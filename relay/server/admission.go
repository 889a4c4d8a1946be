package server

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"

	"wpre-relay/relay/security/clientaddr"
)

const (
	// maxLimiters limits the networks whose request rate is tracked. Beyond it, all of them start again with a full
	// burst.
	maxLimiters = 1 << 16

	// burstSeconds is the number of seconds' worth of requests that may arrive at once, such as when all clients of
	// an office reconnect.
	burstSeconds = 10
)

// admission limits the connected clients, in total and per network, and the request rate of each network.
type admission struct {
	maxClients int        // 0: unlimited
	maxPerIP   int        // 0: unlimited
	maxRate    rate.Limit // requests per second; 0: unlimited

	mu       sync.Mutex
	clients  int                            // guarded by mu
	perIP    map[netip.Prefix]int           // guarded by mu; nil without maxPerIP
	limiters map[netip.Prefix]*rate.Limiter // guarded by mu; nil without maxRate
}

// isRateLimited reports whether a request from the address exceeds the rate, and counts the request.
func (a *admission) isRateLimited(address netip.Addr) bool {
	if a.maxRate <= 0 {
		return false
	}
	network := clientaddr.NetworkOf(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	limiter := a.limiters[network]
	if limiter == nil {
		if a.limiters == nil || len(a.limiters) >= maxLimiters {
			a.limiters = make(map[netip.Prefix]*rate.Limiter)
		}
		limiter = rate.NewLimiter(a.maxRate, max(1, int(burstSeconds*a.maxRate)))
		a.limiters[network] = limiter
	}
	return !limiter.Allow()
}

// reserve reserves a slot for a client at the address. Unless it rejects the client, the caller must call release
// once.
func (a *admission) reserve(address netip.Addr) (release func(), rejected *rejection) {
	network := clientaddr.NetworkOf(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.maxClients > 0 && a.clients >= a.maxClients {
		return nil, &rejection{reasonMaxClients, "too many clients: --max-clients, or the limit of open files"}
	}
	if a.maxPerIP <= 0 {
		a.clients++
		return a.release, nil
	}
	if a.perIP[network] >= a.maxPerIP {
		return nil, &rejection{reasonMaxClientsPerIP, "too many clients at this address: --max-clients-per-ip"}
	}
	if a.perIP == nil {
		a.perIP = make(map[netip.Prefix]int)
	}
	a.clients++
	a.perIP[network]++
	return func() { a.releaseFrom(network) }, nil
}

func (a *admission) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients--
}

func (a *admission) releaseFrom(network netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients--
	if a.perIP[network]--; a.perIP[network] == 0 {
		delete(a.perIP, network)
	}
}
