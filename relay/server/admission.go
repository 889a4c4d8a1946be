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

	tooManyAtAddress = "too many clients at this address: --max-clients-per-ip"
)

// admission limits the connected clients, in total and per network, and the request rate of each network.
type admission struct {
	maxClients int        // 0: unlimited
	maxPerIP   int        // 0: unlimited
	maxRate    rate.Limit // requests per second; 0: unlimited

	mu       sync.Mutex
	clients  int                          // guarded by mu
	perIP    map[netip.Prefix]int         // guarded by mu; nil without maxPerIP
	limiters map[netip.Prefix]networkRate // guarded by mu; nil without maxRate
}

// networkRate limits the requests of a network that are served, and its connections that are accepted. There may be
// twice as many connections, so that as many requests as are served get a rejection, which names the reason.
type networkRate struct{ requests, connections *rate.Limiter }

// isRateLimited reports whether a request from the address exceeds the rate, and counts the request.
func (a *admission) isRateLimited(address netip.Addr) bool {
	return a.maxRate > 0 && !a.rateOf(address).requests.Allow()
}

// isFlooding reports whether a connection from the address exceeds twice the rate, and counts the connection.
func (a *admission) isFlooding(address netip.Addr) bool {
	return a.maxRate > 0 && !a.rateOf(address).connections.Allow()
}

// rateOf returns the limits of the address.
func (a *admission) rateOf(address netip.Addr) networkRate {
	network := clientaddr.NetworkOf(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	limits, known := a.limiters[network]
	if !known {
		if a.limiters == nil || len(a.limiters) >= maxLimiters {
			a.limiters = make(map[netip.Prefix]networkRate)
		}
		burst := max(1, int(burstSeconds*a.maxRate))
		limits = networkRate{rate.NewLimiter(a.maxRate, burst), rate.NewLimiter(2*a.maxRate, 2*burst)}
		a.limiters[network] = limits
	}
	return limits
}

// reserve reserves a slot for a client of the network. Unless it rejects the client, the caller must call release
// once.
func (a *admission) reserve(network netip.Prefix) (release func(), rejected *rejection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.maxClients > 0 && a.clients >= a.maxClients {
		return nil, &rejection{reasonMaxClients, "too many clients: --max-clients, or the limit of open files"}
	}
	if !a.addToNetwork(network) {
		return nil, &rejection{reasonMaxClientsPerIP, tooManyAtAddress}
	}
	a.clients++
	return func() { a.release(network, 1) }, nil
}

// reserveAddress reserves a slot of the network for a request that is not a client, such as one for /history. Unless
// it rejects the request, the caller must call release once.
func (a *admission) reserveAddress(network netip.Prefix) (release func(), rejected *rejection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.addToNetwork(network) {
		return nil, &rejection{reasonMaxClientsPerIP, tooManyAtAddress}
	}
	return func() { a.release(network, 0) }, nil
}

// addToNetwork counts one more client of the network. It reports false if that would be too many. The caller holds mu.
func (a *admission) addToNetwork(network netip.Prefix) bool {
	if a.maxPerIP <= 0 {
		return true
	}
	if a.perIP[network] >= a.maxPerIP {
		return false
	}
	if a.perIP == nil {
		a.perIP = make(map[netip.Prefix]int)
	}
	a.perIP[network]++
	return true
}

// release frees a slot of the network and the slots of so many clients.
func (a *admission) release(network netip.Prefix, clients int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients -= clients
	if a.maxPerIP <= 0 {
		return
	}
	if a.perIP[network]--; a.perIP[network] == 0 {
		delete(a.perIP, network)
	}
}
