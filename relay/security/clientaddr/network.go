package clientaddr

import "net/netip"

// NetworkOf returns the range of addresses that one subscriber typically has: an IPv4 address, or an IPv6 /64 (RFC
// 6177 §2). Clients with unknown addresses share one network.
func NetworkOf(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits)
	return network
}
