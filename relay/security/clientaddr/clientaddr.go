// Package clientaddr finds the address of the client that sent a request, also behind proxies. It believes only
// proxies that the operator trusts.
package clientaddr

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops limits the addresses that are read from one request.
const maxHops = 32

// Network is a range of IP addresses, or a single one.
type Network struct{ netip.Prefix }

// UnmarshalText parses a network, "10.0.0.0/8" or "fd00::/8", or a single address.
func (n *Network) UnmarshalText(text []byte) error {
	if addr, err := netip.ParseAddr(string(text)); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		n.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither a network, such as 10.0.0.0/8 or fd00::/8, nor an address", text)
	}
	if prefix.Addr().Is4In6() {
		return fmt.Errorf("%q is an IPv4 network in IPv6 notation; write it in IPv4 notation", text)
	}
	n.Prefix = prefix.Masked()
	return nil
}

// Policy defines the trusted proxies. The zero value trusts none.
type Policy struct {
	Trusted []Network
}

// Client returns the address of the client that sent the request. That is the address of the connection, unless it
// belongs to a trusted proxy. Client then reads X-Forwarded-For and Forwarded (RFC 7239) from right to left, and
// returns the first address that is not a trusted proxy's; anyone can forge the addresses left of it. A proxy usually
// sets only one of the two headers, and a client can forge the other one: if the two disagree, Client ignores both.
// The address is invalid if the connection is not TCP.
func (p Policy) Client(r *http.Request) netip.Addr {
	peer, _ := ParseAddr(r.RemoteAddr)
	if !p.Trusts(peer) {
		return peer
	}
	xff, hasXFF := p.firstUntrusted(peer, xForwardedFor(r.Header))
	standard, hasStandard := p.firstUntrusted(peer, forwardedFor(r.Header))
	switch {
	case hasXFF && hasStandard && xff != standard:
		return peer
	case hasStandard:
		return standard
	default:
		return xff
	}
}

// Trusts reports whether addr belongs to a trusted proxy.
func (p Policy) Trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(p.Trusted, func(n Network) bool { return n.Contains(addr) })
}

// firstUntrusted returns the first of hops that is not trusted, the nearest hop first. If it finds none, it returns
// the last trusted one, or peer. It reports whether there are any hops.
func (p Policy) firstUntrusted(peer netip.Addr, hops []string) (netip.Addr, bool) {
	addr := peer
	for _, hop := range hops {
		next, ok := ParseAddr(hop)
		if !ok { // "unknown", or an identifier that the proxy chose (RFC 7239 §6)
			break
		}
		if addr = next; !p.Trusts(addr) {
			break
		}
	}
	return addr, len(hops) > 0
}

// xForwardedFor returns the hops in X-Forwarded-For, the nearest first. Some proxies quote them, as in Forwarded.
func xForwardedFor(header http.Header) []string {
	hops := splitBackward(header.Values("X-Forwarded-For"), ',')
	for i, hop := range hops {
		hops[i] = unquote(hop)
	}
	return hops
}

// forwardedFor returns the hops in Forwarded, the nearest first. A hop without an address is "".
func forwardedFor(header http.Header) []string {
	hops := splitBackward(header.Values("Forwarded"), ',')
	for i, hop := range hops {
		hops[i] = ""
		for _, pair := range splitBackward([]string{hop}, ';') {
			if name, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(name), "for") {
				hops[i] = unquote(strings.TrimSpace(value))
			}
		}
	}
	return hops
}

// splitBackward splits the values of a header at separators outside of quotes, and returns at most maxHops elements,
// the last one first. It ignores empty elements (RFC 9110 §5.6.1).
func splitBackward(values []string, separator byte) []string {
	var elements []string
	add := func(element string) {
		if element = strings.TrimSpace(element); element != "" && len(elements) < maxHops {
			elements = append(elements, element)
		}
	}
	for _, value := range slices.Backward(values) {
		quoted, end := false, len(value)
		for i := end - 1; i >= 0 && len(elements) < maxHops; i-- {
			switch {
			case value[i] == '"':
				quoted = !quoted
			case value[i] == separator && !quoted:
				add(value[i+1 : end])
				end = i
			}
		}
		add(value[:end])
	}
	return elements
}

// unquote removes the quotes around a value. It does not interpret escapes, since addresses contain none.
func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// ParseAddr parses "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80". It returns an
// IPv4 address in IPv6 notation as IPv4, and removes the zone.
func ParseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		var addrPort netip.AddrPort
		if addrPort, err = netip.ParseAddrPort(text); err != nil {
			return netip.Addr{}, false
		}
		addr = addrPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}
