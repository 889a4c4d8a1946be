package listener

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"wpre-relay/relay/durable"
)

func TestCertificatesAreForTheConfiguredHostsOnly(t *testing.T) {
	allow := allowHosts([]string{"relay.test", "events.test"})
	for host, want := range map[string]bool{
		"relay.test":         true,
		"RELAY.test":         true,
		"relay.test:8080":    true, // in a request for an HTTP challenge
		"events.test":        true,
		"www.relay.test":     false,
		"relay.test.evil":    false,
		"evil.test":          false,
		"":                   false,
		"192.0.2.1":          false,
		"evil.test:relay.te": false,
	} {
		if err := allow(context.Background(), host); (err == nil) != want {
			t.Errorf("%q: %v, want allowed %v", host, err, want)
		}
	}
}

func TestACMEListenerRedirectsOtherRequestsToHTTPS(t *testing.T) {
	opts, quiet := TLSOptions{ACMEDomain: []string{"relay.test"}}, slog.New(slog.DiscardHandler)
	secure, err := OpenTLS(opts, durable.OS, t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	response := httptest.NewRecorder()
	secure.answer.ServeHTTP(response, httptest.NewRequest("GET", "http://relay.test/events", nil))
	location := response.Header().Get("Location")
	if response.Code != http.StatusFound || location != "https://relay.test/events" {
		t.Errorf("got %d to %q", response.Code, location)
	}
}
