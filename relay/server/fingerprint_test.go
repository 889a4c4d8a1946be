package server

import (
	"net/http/httptest"
	"strings"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// TestFingerprint compares a request with others. The last cases are the limits of the heuristic.
func TestFingerprint(t *testing.T) {
	mirror := eventlog.NewMirror(schema.Position{Epoch: "one", Seq: 1}, eventlog.Options{})
	c := newCatchUp(mirror.Reader, 0, 0)
	fingerprint := func(remote string, headers ...string) visitor {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("User-Agent", "Firefox")
		r.Header.Set("Cookie", "a=1")
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ": ")
			r.Header.Set(name, value)
		}
		return c.fingerprint(r)
	}
	first := fingerprint("192.0.2.1:1")
	for name, tc := range map[string]struct {
		visitor visitor
		same    bool
	}{
		"same browser, new connection": {fingerprint("192.0.2.1:2"), true},
		"another address":              {fingerprint("192.0.2.2:1"), false},
		"another client of a proxy":    {fingerprint("192.0.2.1:1", "X-Forwarded-For: 203.0.113.9"), false},
		"another browser":              {fingerprint("192.0.2.1:1", "User-Agent: Chrome"), false},
		"another language":             {fingerprint("192.0.2.1:1", "Accept-Language: de"), false},
		"another site":                 {fingerprint("192.0.2.1:1", "Origin: https://other.test"), false},
		"another cookie":               {fingerprint("192.0.2.1:1", "Cookie: a=2"), false},
		"header moved to another":      {fingerprint("192.0.2.1:1", "User-Agent: ", "Accept-Language: Firefox"), false},

		"wrong: another visitor with all headers equal": {fingerprint("192.0.2.1:3"), true},
		"wrong: same browser, address has changed":      {fingerprint("198.51.100.7:1"), false},
		"wrong: same browser, cookie has changed":       {fingerprint("192.0.2.1:1", "Cookie: a=1; b=2"), false},
		"unknown address, all headers equal":            {fingerprint("@"), false},
	} {
		if got := tc.visitor == first; got != tc.same {
			t.Errorf("%s: same fingerprint %v, want %v", name, got, tc.same)
		}
	}
}
