package fanout_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
)

// upgradeRequest returns a valid WebSocket handshake.
func upgradeRequest() *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header = http.Header{
		"Upgrade":               {"websocket"},
		"Connection":            {"Upgrade"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {strings.Repeat("A", 22) + "=="},
	}
	return r
}

func TestFailedAcceptDoesNotCallOnDisconnect(t *testing.T) {
	c := fanout.New(openLog(t, eventlog.Options{}).Reader, fanout.Options{Logger: quiet})
	cfg := fanout.ClientConfig{Format: fanout.Acked, OnDisconnect: func(d fanout.Disconnect) { t.Errorf("OnDisconnect is called with %+v", d) }}
	for name, tc := range map[string]struct {
		change func(r *http.Request)
		accept func(http.ResponseWriter, *http.Request, fanout.ClientConfig) error
	}{
		"WebSocket version 12":     {func(r *http.Request) { r.Header.Set("Sec-Websocket-Version", "12") }, c.AcceptWebSocket},
		"no key":                   {func(r *http.Request) { r.Header.Del("Sec-Websocket-Key") }, c.AcceptWebSocket},
		"WebSocket without hijack": {func(r *http.Request) {}, c.AcceptWebSocket},
		"SSE without hijack":       {func(r *http.Request) {}, c.AcceptSSE},
	} {
		r, w := upgradeRequest(), httptest.NewRecorder()
		tc.change(r)
		if err := tc.accept(w, r, cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if got := c.Len(); got != 0 {
			t.Errorf("%s: %d clients", name, got)
		}
	}
}
