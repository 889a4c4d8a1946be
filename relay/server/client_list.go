package server

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"wpre-relay/relay/fanout"
)

// Client describes a client to operators.
type Client struct {
	Transport fanout.Transport `json:"transport"`
	Since     time.Time        `json:"since"` // with a precision of a second
	Lag       uint64           `json:"lag"`   // number of events that were not sent to it yet
	Network   string           `json:"network"`
	Site      string           `json:"site"` // host of the page; "" if it is unknown
}

// ClientList returns up to limit clients: the ones that lag most, and then the ones that connected last. It takes less
// than 50 µs at a time from the goroutines that deliver. Of an address, it returns what does not identify a visitor;
// see shownNetwork.
func (s *Server) ClientList(ctx context.Context, limit int) []Client {
	list := []Client{}
	for _, info := range s.clients.List(ctx, limit) {
		list = append(list, Client{info.Transport, info.Since, info.Lag, shownNetwork(info.Network), info.Site})
	}
	return list
}

// shownNetwork returns the part of a visitor's address that operators see, without the part that identifies the
// subscriber: an IPv4 /24, or an IPv6 /48. It returns loopback and private addresses (RFC 1918, RFC 4193) in full,
// since they are proxies or hosts of the operator. It returns "" for an unknown address.
func shownNetwork(network netip.Prefix) string {
	address := network.Addr()
	switch {
	case !network.IsValid():
		return ""
	case address.IsPrivate(), address.IsLoopback(), address.IsUnspecified(): // the last one is the network of ::1
		return strings.TrimSuffix(network.String(), "/32")
	case address.Is4():
		return netip.PrefixFrom(address, 24).Masked().String()
	default:
		return netip.PrefixFrom(address, 48).Masked().String()
	}
}

// maxSite bounds the name of a site, in bytes. A host name in DNS has at most 253.
const maxSite = 253

// siteOf returns the host of the page that sent a request: the one of its Origin header. A same-origin EventSource
// sends none, so its site is the host of the request. Clients that are not browsers can set both as they like.
func siteOf(r *http.Request) string {
	host := r.Host
	if text := r.Header.Get("Origin"); text != "" {
		origin, err := url.Parse(text)
		if err != nil {
			return ""
		}
		host = origin.Host
	}
	if len(host) > maxSite {
		return ""
	}
	return host
}
