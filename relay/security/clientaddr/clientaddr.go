// Package forwarded finds out from which address a client comes when proxies are in between.
package clientaddr

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds the addresses that are read of one request.
const maxHops = 32

// Network is one whose proxies are believed.
type Network struct{ netip.Prefix }

// UnmarshalText takes "10.0.0.0/8", "fd00::/8" or one address.
func (n *Network) UnmarshalText(text []byte) error {
	if addr, err := netip.ParseAddr(string(text)); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		n.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a network, as 10.0.0.0/8 or fd00::/8, nor an address", text)
	}
	if prefix.Addr().Is4In6() {
		return fmt.Errorf("%q: write it as an IPv4 network", text)
	}
	n.Prefix = prefix.Masked()
	return nil
}

// Policy says which proxies are believed. The zero value believes none.
type Policy struct {
	Trusted []Network
}

// Client returns the address that the request comes from: that of the connection; and if that is a trusted proxy's, the one
// that it names in X-Forwarded-For or Forwarded (RFC 7239), and so on from right to left, up to the first that is not
// trusted. What stands further left anyone may have written. A client can send the one header of the two that its proxy
// does not know: if they disagree, neither is believed. The address is not valid if the connection is not TCP's.
func (p Policy) Client(r *http.Request) netip.Addr {
	at, _ := ParseAddr(r.RemoteAddr)
	if !p.trusts(at) {
		return at
	}
	xff, hasXFF := p.walk(at, xForwardedFor(r.Header))
	standard, hasStandard := p.walk(at, forwardedFor(r.Header))
	switch {
	case hasXFF && hasStandard && xff != standard:
		return at
	case hasStandard:
		return standard
	default:
		return xff
	}
}

func (p Policy) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(p.Trusted, func(n Network) bool { return n.Contains(addr) })
}

// walk follows hops, the nearest first, as far as they are trusted. It reports whether there were any.
func (p Policy) walk(at netip.Addr, hops []string) (netip.Addr, bool) {
	for _, hop := range hops {
		next, ok := ParseAddr(hop)
		if !ok { // "unknown", or a name of the proxy's own (RFC 7239 §6)
			break
		}
		if at = next; !p.trusts(at) {
			break
		}
	}
	return at, len(hops) > 0
}

// xForwardedFor returns the hops of that header, the nearest first.
func xForwardedFor(header http.Header) []string {
	return nearest(header.Values("X-Forwarded-For"), ',')
}

// forwardedFor returns the hops of that header, the nearest first; "" for one that names no address.
func forwardedFor(header http.Header) []string {
	hops := nearest(header.Values("Forwarded"), ',')
	for i, hop := range hops {
		hops[i] = ""
		for _, pair := range nearest([]string{hop}, ';') {
			if name, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(name), "for") {
				hops[i] = unquote(strings.TrimSpace(value))
			}
		}
	}
	return hops
}

// nearest returns the elements of a header's lists from right to left, without those inside of quotes being divided.
func nearest(values []string, separator byte) []string {
	var elements []string
	for _, value := range slices.Backward(values) {
		quoted, end := false, len(value)
		for i := end - 1; i >= 0 && len(elements) < maxHops; i-- {
			switch {
			case value[i] == '"':
				quoted = !quoted
			case value[i] == separator && !quoted:
				elements = append(elements, strings.TrimSpace(value[i+1:end]))
				end = i
			}
		}
		if len(elements) < maxHops {
			elements = append(elements, strings.TrimSpace(value[:end]))
		}
	}
	return elements
}

// unquote returns what a quoted string holds; addresses have nothing to escape.
func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// ParseAddr returns the address in "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80": an
// IPv4 address that is written in IPv6 as what it is, and without a zone.
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
