package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/security/access"
	"wpre-relay/relay/server"
)

// TestEveryAuthenticationErrorRejects returns typed and unknown errors, with the identity of the public.
func TestEveryAuthenticationErrorRejects(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		status int
		label  string
		header string // that the response must have
	}{
		"invalid token":  {&access.Rejection{Reason: access.InvalidToken}, 401, "token", "WWW-Authenticate"},
		"unknown client": {&access.Rejection{Reason: access.UnknownClient}, 401, "auth", "WWW-Authenticate"},
		"forbidden":      {&access.Rejection{Reason: access.Forbidden}, 403, "auth", ""},
		"unavailable":    {&access.Rejection{Reason: access.Unavailable}, 503, "auth_unavailable", "Retry-After"},
		"unknown reason": {&access.Rejection{Reason: 99}, 503, "auth_unavailable", "Retry-After"},
		"unknown error":  {errors.New("secret"), 503, "auth_unavailable", "Retry-After"},
	} {
		t.Run(name, func(t *testing.T) {
			authenticate := func(*http.Request, string) (access.Identity, error) { return access.Identity{}, tc.err }
			log := logWith(t, 1, eventlog.Options{})
			srv, address := serve(t, log, 0, server.Options{Authenticate: authenticate})
			_, response, err := dial(t, "ws://"+address, nil)
			if err == nil || response == nil || response.StatusCode != tc.status {
				t.Errorf("WebSocket: %v, want %d", err, tc.status)
			}
			for _, path := range []string{"/events", "/history"} {
				response, body := request(t, "GET", "http://"+address+path, "")
				if response.StatusCode != tc.status || strings.Contains(body, "secret") {
					t.Errorf("%s: %s, %q; want %d", path, response.Status, body, tc.status)
				}
				if tc.header != "" && response.Header.Get(tc.header) == "" {
					t.Errorf("%s: no header %s", path, tc.header)
				}
			}
			if status := srv.Status(); status.Clients != 0 || status.Rejected[tc.label] != 3 {
				t.Errorf("got %+v, want no clients and 3 rejections %q", status, tc.label)
			}
		})
	}
}
