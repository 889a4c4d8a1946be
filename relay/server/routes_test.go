package server_test

import (
	"errors"
	"strings"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

func TestEveryPathUpgrades(t *testing.T) {
	_, address := serve(t, openLog(t, eventlog.Options{}), 0, server.Options{})
	for _, path := range []string{"/", "/ws", "/any/path?token=x", "/livez"} {
		if _, _, err := dial(t, "ws://"+address+path, nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOtherRequestsGetAHint(t *testing.T) {
	_, address := serve(t, openLog(t, eventlog.Options{}), 0, server.Options{})
	for _, tc := range []struct {
		path, header, value string
		status              int
		want                string
	}{
		{"/", "X-Other", "x", 426, "wss:// in place of https://"},
		{"/", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", 426, "proxy"},
		{"/livez", "X-Other", "x", 200, "ok"},
	} {
		response, body := request(t, "GET", "http://"+address+tc.path, "", tc.header, tc.value)
		if response.StatusCode != tc.status || !strings.Contains(body, tc.want) || strings.Contains(body, address) {
			t.Errorf("GET %s with %s: %s, %q; want %d and %q",
				tc.path, tc.header, response.Status, body, tc.status, tc.want)
		}
	}
}

func TestStartupHandlerRejectsUntilTheServerIsSet(t *testing.T) {
	var handler server.StartupHandler
	check := func(path string, status int) {
		t.Helper()
		response := serveHTTP(&handler, path)
		if retry := response.Header().Get("Retry-After"); response.Code != status || (status == 503) != (retry != "") {
			t.Errorf("%s: %d, %v; want %d", path, response.Code, response.Header(), status)
		}
	}
	check("/livez", 200)
	check("/history", 503)
	handler.SetServer(server.New(openLog(t, eventlog.Options{}).Reader, 0, server.Options{Logger: quiet}))
	check("/livez", 200)
	check("/history", 200)
}

// TestLiveCheckFailsWithTheListener asks for /livez before and after the server is set.
func TestLiveCheckFailsWithTheListener(t *testing.T) {
	var deaf error
	handler := server.StartupHandler{Live: func() error { return deaf }}
	for range 2 {
		for _, deaf = range []error{errors.New("accept has failed"), nil} {
			want := 200
			if deaf != nil {
				want = 503
			}
			if got := serveHTTP(&handler, "/livez").Code; got != want {
				t.Errorf("/livez with %v: %d, want %d", deaf, got, want)
			}
		}
		handler.SetServer(server.New(openLog(t, eventlog.Options{}).Reader, 0, server.Options{Logger: quiet}))
	}
}
