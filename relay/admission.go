package relay

import (
	"net/netip"
	"sync"
)

// reservedDescriptors are kept from the clients, for the event file, the journal and operators.
const reservedDescriptors = 64

// admission bounds how many clients are connected, in all and from one address.
type admission struct {
	maxClients int // 0: no limit
	maxPerIP   int // 0: no limit

	mu      sync.Mutex
	clients int                  // guarded by mu
	perIP   map[netip.Prefix]int // guarded by mu; empty without a limit
}

// admit takes a place for a client at the given address, as in http.Request.RemoteAddr, and returns the reason if
// there is none. Who is admitted must leave once.
func (a *admission) admit(remote string) (leave func(), refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.maxClients > 0 && a.clients >= a.maxClients {
		return nil, "max_clients"
	}
	if a.maxPerIP <= 0 {
		a.clients++
		return a.leave, ""
	}
	network := networkOf(remote)
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

// networkOf returns what one party can be expected to hold: an IPv4 address, or an IPv6 /64 (RFC 6177 §2).
func networkOf(remote string) netip.Prefix {
	addrPort, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{} // not from TCP; all of these are one party
	}
	addr := addrPort.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits)
	return network
}
