package origin_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"wpre-relay/relay/security/origin"
)

// originCases are requests for the policy of TestCheckComparesOrigins.
var originCases = []struct {
	origin, host string
	want         bool
}{
	{"http://localhost:8888", "localhost:8080", true},
	{"http://localhost", "localhost:8080", true},
	{"https://localhost", "localhost:8080", true},
	{"http://LOCALHOST:8888", "localhost:8080", true},
	{"http://localhost.:8888", "localhost:8080", true},
	{"http://localhost:8888", "LocalHost.:8080", true},
	{"http://127.0.0.1:8888", "127.0.0.1:8080", true},
	{"http://[::1]:8888", "[::1]:8080", true},
	{"http://[0:0:0:0:0:0:0:1]", "[::1]:8080", true},
	{"http://[::1]", "[::1]", true},
	{"https://xn--mnchen-3ya.de", "xn--mnchen-3ya.de", true},
	{"https://xn--mnchen-3ya.de", "münchen.de", true},
	{"https://xn--mnchen-3ya.de", "MÜNCHEN.de.", true},
	{"https://xn--bcher-kva.de", "relay.test", true},
	{"https://bücher.de", "relay.test", true},
	{"https://a.xn--bcher-kva.de", "relay.test", false},
	{"https://a.xn--kche-0ra.de", "relay.test", true},
	{"https://xn--kche-0ra.de", "relay.test", false},
	{"https://site.test", "site.test", true},
	{"https://site.test:444", "site.test:443", true},

	{"http://localhost:8888", "127.0.0.1:8080", false},
	{"http://localhost.evil.com", "localhost:8080", false},
	{"http://evil.localhost", "localhost:8080", false},
	{"http://evillocalhost", "localhost:8080", false},
	{"http://localhost@evil.com", "localhost:8080", false},
	{"http://localhost%2eevil.com", "localhost:8080", false},
	{"http://localhost..", "localhost:8080", false},
	{"http://[::1].evil.com", "[::1]:8080", false},
	{"http://[::2]", "[::1]:8080", false},
	{"https://site.test", "www.site.test", false},
	{"https://www.site.test", "site.test", false},
	{"null", "localhost:8080", false},
	{"null", "null", false},
	{"", "localhost:8080", false},
	{"localhost", "localhost:8080", false},
	{"localhost:8888", "localhost:8080", false},
	{"//localhost", "localhost:8080", false},
	{"http:///", "localhost:8080", false},
	{"http://", "", false},
	{"http://:80", "", false},
	{"file://", "localhost:8080", false},
	{"file://localhost", "localhost:8080", false},
	{"chrome-extension://localhost", "localhost:8080", false},
	{"http://localhost/", "localhost:8080", false},
	{"http://localhost?x", "localhost:8080", false},
	{"http://localhost#x", "localhost:8080", false},
	{"http://localhost http://evil.com", "localhost:8080", false},
	{"http://evil.com http://localhost", "localhost:8080", false},
	{"http://evil.com", "", false},

	{"https://example.com", "relay.test", true},
	{"https://EXAMPLE.com", "relay.test", true},
	{"https://example.com:443", "relay.test", true},
	{"https://example.com:444", "relay.test", false},
	{"http://example.com", "relay.test", false},
	{"https://www.example.com", "relay.test", false},
	{"https://example.com.evil.com", "relay.test", false},
	{"https://a.example.org", "relay.test", true},
	{"https://a.b.example.org", "relay.test", true},
	{"https://example.org", "relay.test", false},
	{"https://evilexample.org", "relay.test", false},
	{"https://.example.org", "relay.test", true}, // browsers do not send it; it is a subdomain nevertheless
	{"https://a.example.org.evil.com", "relay.test", false},
	{"https://a.example.org:8443", "relay.test", false},
	{"http://a.example.org", "relay.test", false},
	{"http://[2001:DB8:0::1]:8080", "relay.test", true},
	{"http://[2001:db8::1]", "relay.test", false},
	{"https://shop.example.net:8443", "relay.test", true},
	{"https://shop.example.net", "relay.test", false},
}

func TestCheckComparesOrigins(t *testing.T) {
	allow := []string{
		"https://example.com", "https://*.example.org", "http://[2001:db8::1]:8080", "https://shop.example.net:8443",
		"https://Bücher.de", "https://*.küche.de",
	}
	for _, tc := range originCases {
		var policy origin.Policy
		for _, s := range allow {
			pattern, err := origin.ParsePattern(s)
			if err != nil {
				t.Fatal(err)
			}
			policy.Allow = append(policy.Allow, pattern)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = tc.host
		r.Header.Set("Origin", tc.origin)
		if err := policy.Check(r); (err == nil) != tc.want {
			t.Errorf("origin %q, host %q: %v, want allowed %v", tc.origin, tc.host, err, tc.want)
		}
	}
}

func TestCheckCountsOriginHeaders(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	if err := (origin.Policy{}).Check(r); err != nil {
		t.Errorf("no origin: %v, want allowed", err)
	}
	if err := (origin.Policy{Require: true}).Check(r); err == nil {
		t.Error("no origin: allowed despite Require")
	}
	r.Header["Origin"] = []string{"http://example.com", "http://example.com"}
	if err := (origin.Policy{}).Check(r); err == nil {
		t.Error("two origins: allowed")
	}
}

func TestErrorNamesTheFlagThatAllowsTheOrigin(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "relay.test:8080"
	r.Header.Set("Origin", "https://www.site.test")
	err := origin.Policy{}.Check(r)
	if err == nil || !strings.Contains(err.Error(), "--allow-origin https://www.site.test") {
		t.Errorf("got %v", err)
	}
}

func TestParsePatternRejectsInvalidPatterns(t *testing.T) {
	for _, s := range []string{
		"", "*", "null", "example.com", "https://", "https://*", "https://*.", "https://*.com", "https://a.*.com",
		"https://exa*mple.com", "https://example.com/", "https://example.com/path", "*.example.com",
		"https://*.*.example.com", "https://user@example.com", "https://a\u202eb.de", "https://bü cher.de", "https://*.рф",
	} {
		if _, err := origin.ParsePattern(s); err == nil {
			t.Errorf("%q is parsed as a pattern", s)
		}
	}
}
