package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

func TestRejectsForeignOrigin(t *testing.T) {
	srv, address := serve(t, openLog(t, eventlog.Options{}), 0, server.Options{})
	_, response, err := dial(t, "ws://"+address, http.Header{"Origin": {"https://evil.example"}})
	if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, want 403", err)
	}
	if _, _, err := dial(t, "ws://"+address, http.Header{"Origin": {"http://127.0.0.1:8888"}}); err != nil {
		t.Errorf("same host name: %v", err)
	}
	if got := srv.Status().Rejected["origin"]; got != 1 {
		t.Errorf("%d rejections, want 1", got)
	}
}

func TestOnlyAllowedPagesReadStreamAndHistory(t *testing.T) {
	_, address := serve(t, logWith(t, 1, eventlog.Options{}), 0, server.Options{})
	own := "http://" + strings.Split(address, ":")[0] + ":8888"
	for _, path := range []string{"/events", "/history", "/behind/a/proxy/history"} {
		response, _ := request(t, "GET", "http://"+address+path, "", "Origin", "https://evil.example")
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s, foreign origin: %s", path, response.Status)
		}
		response, _ = request(t, "OPTIONS", "http://"+address+path, "", "Origin", own)
		headers := response.Header.Get("Access-Control-Allow-Headers")
		if response.StatusCode != http.StatusNoContent || !strings.Contains(headers, "Last-Event-ID") {
			t.Errorf("%s, preflight request: %s, %q", path, response.Status, headers)
		}
		response, _ = request(t, "POST", "http://"+address+path, "")
		if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") == "" {
			t.Errorf("POST %s: %s", path, response.Status)
		}
	}
	response, _ := request(t, "GET", "http://"+address+"/history", "", "Origin", own)
	allowed, vary := response.Header.Get("Access-Control-Allow-Origin"), response.Header.Get("Vary")
	if allowed != own || vary != "Origin" {
		t.Errorf("/history allows origin %q, varies by %q; want %q", allowed, vary, own)
	}
}

// TestPagesCanReadTemporaryRejectionOfStream exceeds the rate limit with an EventSource of an allowed origin, and opens
// one before the relay has started.
func TestPagesCanReadTemporaryRejectionOfStream(t *testing.T) {
	stream := func(handler http.Handler) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/ws/events", nil)
		r.Header.Set("Accept", "text/event-stream")
		r.Header.Set("Origin", "http://example.com:8888")
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, r)
		return response
	}
	log := openLog(t, eventlog.Options{})
	srv := server.New(log.Reader, 0, server.Options{Logger: quiet, HandshakeRate: 1})
	for range 100 {
		serveHTTP(srv, "/history")
	}
	for name, handler := range map[string]http.Handler{"rate": srv, "startup": new(server.StartupHandler)} {
		response := stream(handler)
		allowed := response.Header().Get("Access-Control-Allow-Origin")
		if response.Code != 200 || allowed != "http://example.com:8888" ||
			!strings.Contains(response.Body.String(), `"reason":"`+name+`"`) {
			t.Errorf("%s: got %d, %v, %s", name, response.Code, response.Header(), response.Body)
		}
	}
}
