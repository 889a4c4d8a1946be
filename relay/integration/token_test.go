//go:build linux

package integration_test

import (
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/security/token"
)

// secret is a secret of 32 bytes: the key of tokens, or the publish token.
const secret = "0123456789abcdef0123456789abcdef"

// writeSecret writes the secret into a file and returns its path.
func writeSecret(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	writeFile(t, path, secret+"\n")
	return path
}

// mintToken returns a token that the command token mints.
func mintToken(t testing.TB, args ...string) string {
	t.Helper()
	text, status := run(t, command(t, append([]string{"token"}, args...)...))
	if status != 0 {
		t.Fatal(text)
	}
	return strings.TrimSpace(text)
}

// mintExpired returns a token that expires now. The relay accepts it for 10 s more, because clocks differ. The token is
// minted in this process, because a busy machine needs seconds to start another one.
func mintExpired(t testing.TB, key string, claims token.Claims) string {
	t.Helper()
	all := maps.Clone(claims)
	all["exp"] = time.Now().Unix()
	text, err := token.MintWithFile(key, all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestConnectionEndsWhenTokenExpires(t *testing.T) {
	t.Parallel()
	key := writeSecret(t)
	r := newSite(t).start("--jwt-key", key)
	_, response, err := websocket.Dial(t.Context(), "ws://"+r.address, nil)
	if err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %v", err)
	}
	options := &websocket.DialOptions{Subprotocols: []string{"bearer", mintExpired(t, key, token.Claims{})}}
	conn, _, err := websocket.Dial(t.Context(), "ws://"+r.address, options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if conn.Subprotocol() != "bearer" {
		t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("closed with %v, want 1008", err)
	}
}
