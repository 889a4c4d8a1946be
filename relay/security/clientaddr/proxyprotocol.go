package clientaddr

import (
	"net"
	"time"

	"github.com/pires/go-proxyproto"
)

// headerTimeout is how long a proxy may take to say for whom it speaks.
const headerTimeout = 10 * time.Second

// Listen returns the listener whose connections come from where the trusted proxies say in a PROXY protocol header
// (HAProxy's, versions 1 and 2), which they must send. Those of others are as they are.
func (p Policy) Listen(listener net.Listener) net.Listener {
	return &proxyproto.Listener{
		Listener:          listener,
		ReadHeaderTimeout: headerTimeout,
		ConnPolicy: func(conn proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if from, _ := ParseAddr(conn.Upstream.String()); p.trusts(from) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}
