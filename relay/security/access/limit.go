package access

import (
	"context"
	"net/netip"
	"sync"

	"wpre-relay/relay/security/clientaddr"
)

const (
	// maxSiteRequests limits the concurrent requests to the site, so that a flood of handshakes does not become a
	// flood on the site.
	maxSiteRequests = 16

	// maxNetworkRequests limits the concurrent requests for clients of one network. If the site is slow, one address
	// with many cookies would otherwise take all 16 requests and delay the logins of others by up to 5 seconds.
	maxNetworkRequests = 4
)

// requestLimit limits the concurrent requests to the site, in total and for each network. Use newRequestLimit.
type requestLimit struct {
	total chan struct{} // holds one element for each request in progress

	mu       sync.Mutex
	networks map[netip.Prefix]*networkLimit // those with a request in progress or waiting; guarded by mu
}

type networkLimit struct {
	slots chan struct{} // holds one element for each request that waits for total or is in progress
	users int           // number of requests that use this limit; guarded by requestLimit.mu
}

func newRequestLimit() *requestLimit {
	return &requestLimit{
		total:    make(chan struct{}, maxSiteRequests),
		networks: make(map[netip.Prefix]*networkLimit),
	}
}

// acquire waits until a request for the client at the address may start. The caller must call release after the
// request. The error is that of ctx. Clients without a known address have only the limit in total, because all clients
// behind a proxy on a Unix socket are such clients.
func (l *requestLimit) acquire(ctx context.Context, address string) (release func(), err error) {
	leave := func() {}
	if addr, invalid := netip.ParseAddr(address); invalid == nil {
		if leave, err = l.enter(ctx, clientaddr.NetworkOf(addr)); err != nil {
			return nil, err
		}
	}
	select {
	case l.total <- struct{}{}:
		return func() { <-l.total; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// enter waits until the network has a free slot. The caller must call leave to free it.
func (l *requestLimit) enter(ctx context.Context, network netip.Prefix) (leave func(), err error) {
	l.mu.Lock()
	limit := l.networks[network]
	if limit == nil {
		limit = &networkLimit{slots: make(chan struct{}, maxNetworkRequests)}
		l.networks[network] = limit
	}
	limit.users++
	l.mu.Unlock()
	select {
	case limit.slots <- struct{}{}:
		return func() { <-limit.slots; l.forget(network, limit) }, nil
	case <-ctx.Done():
		l.forget(network, limit)
		return nil, ctx.Err()
	}
}

// forget removes the limit of a network when its last user has left.
func (l *requestLimit) forget(network netip.Prefix, limit *networkLimit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit.users--; limit.users == 0 {
		delete(l.networks, network)
	}
}
