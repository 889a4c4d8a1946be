//go:build linux

package integration_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/relay/testwait"
)

// viewer is a client with an identity, and the statuses of the posts that it may see.
type viewer struct {
	name   string
	query  string
	header http.Header
	sees   []string
}

// statuses are the statuses of the posts in TestFilterAppliesToLiveResumeAndHistory, in the order of its events.
var statuses = []string{"draft", "private", "publish", "private", "draft", "publish"}

// TestFilterAppliesToLiveResumeAndHistory connects the public, clients with a token and one that the site authorizes.
func TestFilterAppliesToLiveResumeAndHistory(t *testing.T) {
	t.Parallel()
	authorization := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("wordpress_logged_in"); err != nil || cookie.Value != "ann" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"roles":["author"]}`)
	}))
	defer authorization.Close()
	s, key := newSite(t), writeSecret(t)
	r := s.start("--jwt-key", key, "--auth-url", authorization.URL, "--allow-anonymous", "--filter",
		`status == "publish" or "editor" in claims.roles or "author" in claims.roles and status != "private"`)
	token := mintToken(t, "--jwt-key", key, "--subject", "bob", "--claim", `roles=["editor"]`)
	viewers := []viewer{
		{"public", "", nil, published},
		{"token in the query", "access_token=" + token, nil, all},
		{"token in a header", "", http.Header{"Authorization": {"Bearer " + token}}, all},
		{"token in the companion's cookie", "", http.Header{"Cookie": {"wpre_relay_token=" + token}}, all},
		{"site", "", http.Header{"Cookie": {"wordpress_logged_in=ann"}}, []string{"publish", "draft"}},
	}
	live := make([]*websocket.Conn, len(viewers))
	for i, v := range viewers {
		live[i], _ = r.dialWith("/?"+v.query, v.header)
	}
	writeStatuses(s, r)
	for i, v := range viewers {
		v.expectMessages(t, live[i], "live")
		conn, _ := r.dialWith("/?last=100&"+v.query, v.header)
		v.expectMessages(t, conn, "resumed")
		v.expectHistory(t, r)
	}
	if log := r.log.String(); strings.Contains(log, token) || strings.Contains(log, "wordpress_logged_in") {
		t.Error("the log contains a secret")
	}
}

// writeStatuses writes an event of each of the statuses. It waits for the decision of each, so that none is
// overwritten.
func writeStatuses(s *site, r *relay) {
	s.t.Helper()
	for i, status := range statuses {
		s.writeDocument(fmt.Sprintf(`{"timestamp":%d,"type":"post_saved","status":"%s"}`, i+1, status))
		decided := func() bool {
			decisions := r.status().Decisions
			return decisions["relayed"]+decisions["filtered"] == uint64(i+1)
		}
		if !testwait.Until(decided) {
			s.t.Fatalf("event %d is not counted", i+1)
		}
	}
	if decisions := r.status().Decisions; decisions["filtered"] != 4 || decisions["relayed"] != 2 {
		s.t.Errorf("decisions %v, want 4 filtered and 2 relayed", decisions)
	}
}

// want returns the statuses of the events that the viewer gets.
func (v viewer) want() (want []string) {
	for _, status := range statuses {
		for _, sees := range v.sees {
			if status == sees {
				want = append(want, status)
			}
		}
	}
	return want
}

// statusesIn returns the statuses of the events in a text.
func statusesIn(text string) (found []string) {
	for _, part := range strings.Split(text, `"status":"`)[1:] {
		status, _, _ := strings.Cut(part, `"`)
		found = append(found, status)
	}
	return found
}

// expectMessages reads the events that the viewer gets over a connection.
func (v viewer) expectMessages(t *testing.T, conn *websocket.Conn, how string) {
	t.Helper()
	ctx := testwait.Context(t)
	for i, want := range v.want() {
		_, text, err := conn.Read(ctx)
		if got := statusesIn(string(text)); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s, %s: event %d is %s, %v, want %s", v.name, how, i, text, err, want)
		}
	}
}

// expectHistory compares the events in /history with the events that the viewer may see.
func (v viewer) expectHistory(t *testing.T, r *relay) {
	t.Helper()
	all := v.want()
	for query, want := range map[string][]string{"": all, "limit=1&": all[len(all)-1:], "types=other&": nil} {
		_, body := do(t, http.MethodGet, "http://"+r.address+"/history?"+query+v.query, v.header, "")
		if got := statusesIn(body); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: /history?%s contains %v, want %v: %s", v.name, query, got, want, body)
		}
	}
}

// TestCookieDoesNotAdmitForeignPages sends a valid cookie with the origin of another site (cross-site WebSocket
// hijacking).
func TestCookieDoesNotAdmitForeignPages(t *testing.T) {
	t.Parallel()
	key := writeSecret(t)
	r := newSite(t).start("--jwt-key", key)
	cookie := "wpre_relay_token=" + mintToken(t, "--jwt-key", key)
	for origin, want := range map[string]int{
		"http://" + r.address: http.StatusSwitchingProtocols, "https://evil.test": http.StatusForbidden,
		"null": http.StatusForbidden,
	} {
		header := http.Header{"Cookie": {cookie}, "Origin": {origin}}
		conn, response, err := websocket.Dial(t.Context(), "ws://"+r.address, &websocket.DialOptions{HTTPHeader: header})
		if response == nil || response.StatusCode != want {
			t.Errorf("WebSocket from %s: %v, want %d", origin, err, want)
		}
		if err == nil {
			conn.CloseNow()
		}
		status, _ := do(t, http.MethodGet, "http://"+r.address+"/history", header, "")
		if admitted := status == http.StatusOK; admitted != (want == http.StatusSwitchingProtocols) {
			t.Errorf("/history from %s: %d", origin, status)
		}
	}
}

// TestProxyProtocolSetsClientAddress limits the connections of a client, which the proxy names. A frame in the same
// write as header and handshake is not lost.
func TestProxyProtocolSetsClientAddress(t *testing.T) {
	t.Parallel()
	r := newSite(t).start("--trusted-proxy", "127.0.0.1", "--proxy-protocol", "--max-clients-per-ip", "1")
	header := func(address string) string { return "PROXY TCP4 " + address + " 127.0.0.1 4711 8080\r\n" }
	for _, address := range []string{"198.51.100.1", "198.51.100.2"} {
		_, reader := r.send(header(address) + handshake + fanouttest.Masked(pingFrame, "well?"))
		response, err := http.ReadResponse(reader, nil)
		if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v, %v", response, err)
		}
		expectBytes(t, reader, "\x8a\x05well?")
	}
	_, reader := r.send(header("198.51.100.1") + handshake)
	if response, err := http.ReadResponse(reader, nil); err != nil || response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second connection of one client: %v, %v", response, err)
	}
	_, reader = r.send(handshake)
	if response, err := http.ReadResponse(reader, nil); err == nil && response.StatusCode < 400 {
		t.Errorf("without a header: %v", response.Status)
	}
}

func TestLogWarnsOfPublicDrafts(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want bool
	}{
		"by default":     {nil, true},
		"published only": {[]string{"--public-status", "publish"}, false},
		"with tokens":    {[]string{"--jwt-key", writeSecret(t)}, true},
		"with --filter":  {[]string{"--filter", `status == "publish"`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newSite(t).start(tc.args...)
			r.stop(syscall.SIGTERM)
			if got := strings.Contains(r.log.String(), "titles of drafts"); got != tc.want {
				t.Errorf("warning logged: %v, want %v", got, tc.want)
			}
		})
	}
}
