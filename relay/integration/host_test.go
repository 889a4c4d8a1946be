//go:build linux

package integration_test

import (
	"net"
	"net/http"
	"testing"

	"wpre-relay/relay/testwait"
)

// TestRejectsReboundHostOnLoopback sends what a browser sends after DNS rebinding, to each path of both listeners.
func TestRejectsReboundHostOnLoopback(t *testing.T) {
	t.Parallel()
	r := newSite(t).start("--allow-origin", "http://site.test:8888", "--publish-token", writeSecret(t))
	status := func(address, path, host string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(testwait.Context(t), "GET", "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		if path == "/" {
			request.Header = http.Header{
				"Origin": {"http://" + host}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
				"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
			}
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/events", "/history", "/client.js", "/livez", "/other"} {
		if got := status(r.address, path, "evil.test:"+port); got != 403 {
			t.Errorf("%s of evil.test at the listener's port: %d, want 403", path, got)
		}
	}
	for _, host := range []string{"www.example.com", "site.test:" + port, "localhost:" + port, r.address} {
		if got := status(r.address, "/", host); got != 101 {
			t.Errorf("handshake with host %s: %d, want 101", host, got)
		}
	}
	for _, path := range []string{"/", "/livez", "/readyz", "/metrics", "/api/status", "/publish"} {
		if got := status(r.admin, path, "evil.test"); got != 403 {
			t.Errorf("%s of evil.test at the admin listener: %d, want 403", path, got)
		}
	}
}
