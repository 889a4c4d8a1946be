// Package origin decides which web pages may connect (RFC 6455 §10.2). A browser sends the origin of the page with
// each WebSocket handshake, and unlike for other requests, it does not ask for permission first. The check rejects
// foreign pages but not other programs, which can send any origin.
package origin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Policy defines the allowed origins. The zero value allows pages with the host name of the request, on any port and
// with either scheme, since the plugin's page comes from the site's port, not the relay's. It also allows requests
// without an origin, which browsers do not send.
type Policy struct {
	Allow   []Pattern // origins allowed in addition
	Require bool      // reject requests without an Origin header
}

// Check returns nil if the page that sent the request may connect. Otherwise, the error tells an operator why not and
// which setting would allow it.
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
	return fmt.Errorf("origin %s does not have the host name of the request, %s; to allow it, add --allow-origin %s",
		origin, r.Host, origin)
}

// Pattern matches one origin, or the origins of all subdomains of a domain. Use ParsePattern.
type Pattern struct {
	origin
	subdomains bool // matches the subdomains of origin.host, but not origin.host
}

// ParsePattern parses an origin, "https://example.com:8443", or a pattern for all subdomains,
// "https://*.example.com". It matches exactly one port; the default is that of the scheme.
func ParsePattern(s string) (Pattern, error) {
	exact, subdomains := s, false
	if scheme, rest, ok := strings.Cut(s, "://*."); ok {
		exact, subdomains = scheme+"://"+rest, true
	}
	origin, err := parse(exact)
	if err != nil || strings.Contains(exact, "*") {
		return Pattern{}, fmt.Errorf("%q is neither an origin, such as https://example.com, "+
			"nor a pattern for subdomains, such as https://*.example.com", s)
	}
	if subdomains && !strings.Contains(origin.host, ".") {
		return Pattern{}, fmt.Errorf("%q would allow a whole top-level domain", s)
	}
	return Pattern{origin, subdomains}, nil
}

func (p Pattern) matches(o origin) bool {
	return p.scheme == o.scheme && p.port == o.port && p.matchesHost(o.host)
}

// matchesHost reports whether a host name, in the form that hostname returns, is that of a matching origin.
func (p Pattern) matchesHost(name string) bool {
	if p.subdomains {
		return strings.HasSuffix(name, "."+p.host)
	}
	return p.host == name
}

// origin is a parsed Origin header (RFC 6454 §7), in lower case, with an explicit port.
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

// parse accepts only origins that a browser sends for a web page: a scheme, a host and an optional port. It rejects
// "null", the origin of every sandboxed page.
func parse(s string) (origin, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || strings.ContainsAny(s, "?#") {
		return origin{}, fmt.Errorf("%.100q is not the origin of a web page", s)
	}
	o := origin{scheme: strings.ToLower(u.Scheme), host: hostname(u.Host), port: u.Port()}
	if o.port == "" {
		o.port = defaultPorts[o.scheme]
	}
	switch _, err := ASCIIName(o.host); {
	case o.host == "":
		return origin{}, fmt.Errorf("origin %.100q has no host", s)
	case err != nil:
		return origin{}, fmt.Errorf("origin %.100q: %w", s, err)
	}
	return o, nil
}

// String returns the pattern in the form that ParsePattern parses.
func (p Pattern) String() string {
	if p.subdomains {
		return strings.Replace(p.origin.String(), "://", "://*.", 1)
	}
	return p.origin.String()
}

// UnmarshalText parses a pattern, like ParsePattern.
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePattern(string(text))
	return err
}
