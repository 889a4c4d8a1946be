// Package origin decides which web pages may open a WebSocket (RFC 6455 §10.2): browsers send every page's origin
// with the handshake, and do not ask for permission first as they do for other requests. It keeps foreign pages
// out, not programs: those can send any origin they like.
package origin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Policy says which origins may connect. The zero value admits pages of the same host name, on any port and under
// either scheme (the plugin's page comes from the site's port, not the relay's), and programs that send none.
type Policy struct {
	Allow   []Pattern // also admitted
	Require bool      // refuse requests without an Origin header
}

// Check returns nil if the request's page may connect, else an error that tells an operator why not and what
// would admit it.
func (p Policy) Check(r *http.Request) error {
	values := r.Header.Values("Origin")
	switch {
	case len(values) == 0 && p.Require:
		return errors.New("the request has no Origin header and --require-origin is set")
	case len(values) == 0:
		return nil
	case len(values) > 1:
		return errors.New("the request has more than one Origin header")
	}
	origin, err := parse(values[0])
	if err != nil {
		return err
	}
	if origin.host == hostname(r.Host) && origin.isWeb() {
		return nil
	}
	for _, pattern := range p.Allow {
		if pattern.matches(origin) {
			return nil
		}
	}
	return fmt.Errorf("origin %s is not the host name that was asked for, %s; to admit it: --allow-origin %s", origin, r.Host, origin)
}

// Pattern is one origin, or all below a domain.
type Pattern struct {
	origin
	below bool // any host below origin.host, not that itself
}

// ParsePattern takes an exact origin, "https://example.com:8443", or all hosts below a domain,
// "https://*.example.com". The port counts: none means the scheme's own.
func ParsePattern(s string) (Pattern, error) {
	bare, below := s, false
	if scheme, rest, ok := strings.Cut(s, "://*."); ok {
		bare, below = scheme+"://"+rest, true
	}
	origin, err := parse(bare)
	if err != nil || strings.Contains(bare, "*") {
		return Pattern{}, fmt.Errorf("%q is neither an origin, as https://example.com, nor one with a wildcard, as https://*.example.com", s)
	}
	if below && !strings.Contains(origin.host, ".") {
		return Pattern{}, fmt.Errorf("%q would admit a whole top-level domain", s)
	}
	return Pattern{origin, below}, nil
}

func (p Pattern) matches(o origin) bool {
	if p.scheme != o.scheme || p.port != o.port {
		return false
	}
	if p.below {
		return strings.HasSuffix(o.host, "."+p.host)
	}
	return p.host == o.host
}

// origin is a parsed Origin header (RFC 6454 §7), in lower case, with the port that counts.
type origin struct{ scheme, host, port string }

func (o origin) String() string {
	host := o.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if o.port == defaultPorts[o.scheme] {
		return o.scheme + "://" + host
	}
	return o.scheme + "://" + host + ":" + o.port
}

func (o origin) isWeb() bool { return o.scheme == "http" || o.scheme == "https" }

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// parse refuses whatever a browser would not send for a page: "null", which any sandboxed page can have, and
// anything beside scheme, host and port.
func parse(s string) (origin, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" ||
		strings.ContainsAny(s, "?#") {
		return origin{}, fmt.Errorf("origin %.100q is not that of a web page", s)
	}
	o := origin{scheme: strings.ToLower(u.Scheme), host: hostname(u.Host), port: u.Port()}
	if o.port == "" {
		o.port = defaultPorts[o.scheme]
	}
	if o.host == "" {
		return origin{}, fmt.Errorf("origin %.100q has no host", s)
	}
	return o, nil
}

// hostname returns the host of a Host header or an authority without its port, in one spelling: lower case, no
// trailing dot, IP addresses in their canonical form.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// String returns the pattern as ParsePattern takes it.
func (p Pattern) String() string {
	if p.below {
		return strings.Replace(p.origin.String(), "://", "://*.", 1)
	}
	return p.origin.String()
}

// UnmarshalText is ParsePattern for flags and configuration files.
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePattern(string(text))
	return err
}
