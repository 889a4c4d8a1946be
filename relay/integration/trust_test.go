//go:build linux

package integration_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/security/token"
	"wpre-relay/relay/testwait"
)

var all, published = []string{"publish", "draft", "private"}, []string{"publish"}

// users are users of a site, with their claims and the statuses of the posts that they may see.
var users = []struct {
	name, claims string
	sees         []string
}{
	{"subscriber", `{"roles":["subscriber"],"caps":["read"]}`, published},
	{"author", `{"roles":["author"],"caps":["edit_posts"]}`, published},
	{"editor", `{"roles":["editor"],"caps":["edit_posts","edit_others_posts"]}`, all},
	{"super admin", `{"roles":[],"caps":["edit_others_posts"]}`, all},
	{"user of an older companion", `{"roles":["administrator"]}`, published},
}

// TestPublicStatusShowsDraftsToTrustedClientsOnly connects the users of a site, by the token of each or by the site's
// answer for their cookies.
func TestPublicStatusShowsDraftsToTrustedClientsOnly(t *testing.T) {
	t.Parallel()
	answers := make(map[string]string)
	authorization := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("user")
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, answers[cookie.Value])
	}))
	defer authorization.Close()
	s, key := newSite(t), writeSecret(t)
	r := s.start("--jwt-key", key, "--auth-url", authorization.URL, "--allow-anonymous", "--public-status", "publish")
	viewers := []viewer{{name: "public", sees: published}}
	for i, user := range users {
		answers[fmt.Sprint(i)] = user.claims
		args := []string{"--jwt-key", key}
		for name, value := range claimsOf(t, user.claims) {
			args = append(args, "--claim", name+"="+value)
		}
		bearer, cookie := "Bearer "+mintToken(t, args...), fmt.Sprintf("user=%d", i)
		viewers = append(viewers,
			viewer{user.name + ", token", "", http.Header{"Authorization": {bearer}}, user.sees},
			viewer{user.name + ", site", "", http.Header{"Cookie": {cookie}}, user.sees})
	}
	live := make([]*websocket.Conn, len(viewers))
	for i, v := range viewers {
		live[i], _ = r.dialWith("/", v.header)
	}
	writeStatuses(s, r)
	for i, v := range viewers {
		v.expectMessages(t, live[i], "live")
		conn, _ := r.dialWith("/?last=100", v.header)
		v.expectMessages(t, conn, "resumed")
		v.expectHistory(t, r)
	}
}

// TestPageContinuesAsThePublicAfterExpiry connects as a page does, which sends the same URL again after its token has
// expired.
func TestPageContinuesAsThePublicAfterExpiry(t *testing.T) {
	t.Parallel()
	s, key := newSite(t), writeSecret(t)
	r := s.start("--jwt-key", key, "--allow-anonymous", "--public-status", "publish")
	page := "/?access_token=" + mintExpired(t, key, token.Claims{"caps": []string{"edit_others_posts"}})
	draft := func(n int) string { return fmt.Sprintf(`{"timestamp":%d,"status":"draft"}`, n) }
	published := func(n int) string { return fmt.Sprintf(`{"timestamp":%d,"status":"publish"}`, n) }
	conn, _ := r.dialWith(page, nil)
	s.writeDocument(draft(1))
	expect(t, conn, draft(1))
	if _, _, err := conn.Read(testwait.Context(t)); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Fatalf("closed with %v, want 1008", err)
	}
	conn, _ = r.dialWith(page, nil)
	s.writeDocument(draft(2))
	if !testwait.Until(func() bool { return r.status().Decisions["filtered"] == 2 }) {
		t.Fatalf("decisions %v", r.status().Decisions)
	}
	s.writeDocument(published(3))
	expect(t, conn, published(3))
}

func TestSecurityDocumentShowsTheNetworkFilter(t *testing.T) {
	t.Parallel()
	if !strings.Contains(readDocument(t, "scripts/docs/security.md"), "--filter '"+filter.NetworkExpression+"'") {
		t.Errorf("security.md does not show %s", filter.NetworkExpression)
	}
}

// claimsOf returns the claims in a JSON object, each as JSON.
func claimsOf(t *testing.T, object string) map[string]string {
	t.Helper()
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &raw); err != nil {
		t.Fatal(err)
	}
	claims := make(map[string]string)
	for name, value := range raw {
		claims[name] = string(value)
	}
	return claims
}
