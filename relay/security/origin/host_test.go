package origin_test

import (
	"crypto/tls"
	"net/http/httptest"
	"testing"

	"wpre-relay/relay/security/origin"
)

// hosts are values of Host at a port of the relay, and whether the policy accepts them.
var hosts = []struct {
	port int
	host string
	want bool
}{
	{8080, "evil.test:8080", false},
	{8080, "EVIL.test.:08080", false},
	{8080, "evil.localhost:8080", false},
	{8080, "localhost.evil.test:8080", false},
	{8080, "127.0.0.1.evil.test:8080", false},
	{8080, "evil.test:x", false},
	{80, "evil.test", false},
	{80, "evil.test:", false},
	{80, "evil.test:80", false},
	{443, "evil.test", false},
	{8080, "example.org:8080", false},

	{8080, "www.example.com", true}, // a proxy passes on the site's name
	{8080, "www.example.com:8443", true},
	{80, "www.example.com:8443", true},
	{8080, "localhost:8080", true},
	{8080, "LOCALHOST.:8080", true},
	{80, "localhost", true},
	{8080, "127.0.0.1:8080", true},
	{8080, "192.0.2.1:8080", true},
	{80, "[::1]", true},
	{8080, "[::1]:8080", true},
	{8080, "", true},
	{8080, "site.test:8080", true},
	{8080, "a.b.example.org:8080", true},
	{0, "evil.test:8080", true},
}

func TestHostPolicyRejectsForeignNamesAtTheOwnPort(t *testing.T) {
	var allow []origin.Pattern
	for _, text := range []string{"http://site.test:8888", "https://*.example.org"} {
		pattern, err := origin.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		allow = append(allow, pattern)
	}
	for _, tc := range hosts {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = tc.host
		policy := origin.HostPolicy{Port: tc.port, Allow: allow}
		if err := policy.Check(r); (err == nil) != tc.want {
			t.Errorf("port %d, host %q: %v, want accepted %v", tc.port, tc.host, err, tc.want)
		}
		r.TLS = new(tls.ConnectionState)
		if err := policy.Check(r); err != nil {
			t.Errorf("port %d, host %q over TLS: %v", tc.port, tc.host, err)
		}
	}
}
