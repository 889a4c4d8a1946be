package listener

import (
	"net"
	"time"

	"github.com/pires/go-proxyproto"

	"wpre-relay/relay/security/clientaddr"
)

// proxyHeaderTimeout is how long a proxy may take to send the PROXY protocol header.
const proxyHeaderTimeout = 10 * time.Second

// ProxyProtocol returns a listener that requires a PROXY protocol header (HAProxy's, versions 1 and 2) from trusted
// proxies. Their connections get the remote address that the header names. It does not look for a header in other
// connections.
func ProxyProtocol(listener net.Listener, proxies clientaddr.Policy) net.Listener {
	return &proxyproto.Listener{
		Listener:          listener,
		ReadHeaderTimeout: proxyHeaderTimeout,
		ConnPolicy: func(conn proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if addr, _ := clientaddr.ParseAddr(conn.Upstream.String()); proxies.Trusts(addr) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}
