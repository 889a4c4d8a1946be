//go:build linux

package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/testwait"
)

// forwardSite is a server at the address that --forward-url names.
type forwardSite struct {
	t   *testing.T
	url string      // with a user and a password
	got chan string // the requests: user, password, path and body
}

func newForwardSite(t *testing.T) *forwardSite {
	t.Helper()
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		got <- user + ":" + password + " " + r.URL.Path + " " + string(text)
	}))
	t.Cleanup(server.Close)
	url := strings.Replace(server.URL, "://", "://bot:abcd%20efgh@", 1) + "/wp-json/said"
	return &forwardSite{t: t, url: url, got: got}
}

// expect waits for a request with this body.
func (s *forwardSite) expect(body string) {
	s.t.Helper()
	want := "bot:abcd efgh /wp-json/said " + body
	select {
	case got := <-s.got:
		if got != want {
			s.t.Errorf("the site got %s, want %s", got, want)
		}
	case <-time.After(testwait.Limit):
		s.t.Errorf("the site got nothing, want %s", want)
	}
}

// say sends one message of a client.
func say(r *relay, query, text string) {
	r.t.Helper()
	conn, _ := r.dialWith("/"+query, nil)
	if err := conn.Write(r.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		r.t.Fatal(err)
	}
	conn.Close(websocket.StatusNormalClosure, "") // the relay answers after it has read the message
}

func TestForwardsMessagesOfAllClients(t *testing.T) {
	t.Parallel()
	wordpress := newForwardSite(t)
	r := newSite(t).start("--peer-messages", "--forward-url", wordpress.url)
	say(r, "", "Hello from WordPress frontend!")
	wordpress.expect(`{"text":"Hello from WordPress frontend!"}`)
}

// TestForwardURLFromFileIsHidden gives the URL in a file, and looks for its password where other users and operators
// could see it.
func TestForwardURLFromFileIsHidden(t *testing.T) {
	t.Parallel()
	wordpress, s := newForwardSite(t), newSite(t)
	file := filepath.Join(s.root, "forward-url")
	writeFile(t, file, wordpress.url+"\n")
	cmd := relayCommand(t, "--watch", s.root, "--state-dir", s.state, "--peer-messages", "--log-level", "debug")
	cmd.Env = append(cmd.Env, "WPRE_RELAY_FORWARD_URL_FILE="+file)
	r := start(t, cmd)
	say(r, "", "hello")
	wordpress.expect(`{"text":"hello"}`)
	for _, name := range []string{"cmdline", "environ"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", cmd.Process.Pid, name))
		if err != nil || strings.Contains(string(content), "abcd") {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
	if strings.Contains(r.log.String(), "abcd") {
		t.Errorf("the log contains the password:\n%s", r.log.String())
	}
}

func TestForwardsMessagesOfPermittedClientsOnly(t *testing.T) {
	t.Parallel()
	wordpress, key := newForwardSite(t), writeSecret(t)
	r := newSite(t).start("--jwt-key", key, "--allow-anonymous", "--forward-url", wordpress.url)
	denied := mintToken(t, "--jwt-key", key, "--subject", "7")
	permitted := mintToken(t, "--jwt-key", key, "--subject", "8", "--claim", "forward=true")
	say(r, "", "anonymous")
	say(r, "?access_token="+denied, "denied")
	say(r, "?access_token="+permitted, "permitted")
	wordpress.expect(`{"text":"permitted","client":"8"}`)
}
