package origin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
)

// HostPolicy rejects DNS rebinding: a foreign page lets its own name resolve to this machine, so that its requests have
// the same host name as its origin. The zero value rejects nothing.
//
// Behind a proxy on this machine, requests carry the site's name. They pass, because a browser that connects directly
// sends the port of the listener, which the site's name does not have.
type HostPolicy struct {
	Port  int       // of a listener that only this machine reaches; 0: accept every host
	Allow []Pattern // their host names are accepted
}

// Check returns nil if no foreign page can have sent the request. Otherwise, the error tells an operator which setting
// would allow it. A request over TLS passes: the browser has verified the name against the certificate.
func (p HostPolicy) Check(r *http.Request) error {
	if p.Port == 0 || r.TLS != nil || !p.hasOwnPort(r.Host) || IsLocalHost(r.Host) {
		return nil
	}
	name := hostname(r.Host)
	for _, pattern := range p.Allow {
		if pattern.matchesHost(name) {
			return nil
		}
	}
	return fmt.Errorf("host %.100q is not a name of this machine; use localhost or the IP address, "+
		"or add --allow-origin with the origin of the site that has this name", r.Host)
}

// hasOwnPort reports whether a browser that connects to the listener may send this Host. It omits the default ports. A
// port that is not a number counts as the listener's.
func (p HostPolicy) hasOwnPort(hostport string) bool {
	_, text, err := net.SplitHostPort(hostport)
	if err != nil || text == "" {
		return p.Port == 80 || p.Port == 443
	}
	port, err := strconv.Atoi(text)
	return err != nil || port == p.Port
}

// IsLocalHost reports whether the Host of a request is an IP address, localhost or empty, with any port. The owner of a
// foreign DNS name cannot make a browser send any of these.
func IsLocalHost(hostport string) bool {
	name := hostname(hostport)
	_, err := netip.ParseAddr(name)
	return err == nil || name == "localhost" || name == ""
}
