//go:build linux

package integration_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coder/websocket"
)

func TestMistakesAreExplained(t *testing.T) {
	s := newSite(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	answering := httptest.NewServer(http.NotFoundHandler())
	defer answering.Close()
	file := filepath.Join(s.root, "file")
	if err := os.WriteFile(file, []byte("listn: :8080\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   []string
		env    string
		status int
		want   string
	}{
		{args: nil, status: 2, want: "--watch is missing"},
		{args: []string{"--watch"}, status: 2, want: "--watch"},
		{args: []string{"--wach", "x"}, status: 2, want: `did you mean "--watch"`},
		{args: []string{"serv"}, status: 2, want: "unexpected argument serv"},
		{args: []string{"--watch", "x", "--debounce", "soon"}, status: 2, want: "--debounce"},
		{args: []string{"--watch", "x", "--debounce=-1s"}, status: 2, want: "negative"},
		{args: []string{"--watch", "x", "--history", "0"}, status: 2, want: "--history"},
		{args: []string{"--watch", "x", "--max-event-size", "big"}, status: 2, want: "is not a size"},
		{args: []string{"--watch", "x", "--allow-origin", "example.com"}, status: 2, want: "https://example.com"},
		{args: []string{"--watch", "x", "--log-level", "loud"}, status: 2, want: "loud"},
		{args: []string{"--watch", "x", "--config", file}, status: 2, want: `"listn", which is not a setting; did you mean "listen"?`},
		{args: []string{"--watch", "x", "--config", "absent.yaml"}, status: 2, want: "absent.yaml"},
		{args: []string{"--watch", "x"}, env: "WPRE_RELAY_HISTORY=many", status: 2, want: "many"},
		{args: []string{"--watch", "x"}, env: "WPRE_RELAY_LISEN=:80", status: 2, want: "did you mean WPRE_RELAY_LISTEN?"},
		{args: []string{"healthcheck", "--listen", "127.0.0.1:1"}, env: "WPRE_RELAY_PORT_8080_TCP=tcp://10.0.0.1:8080", status: 1, want: "refused"},
		{args: []string{"--watch", "x"}, env: "WPRE_RELAY_HISTORY_FILE=/absent/file", status: 2, want: "/absent/file"},
		{args: []string{"--watch", s.root, "--state-dir", s.state, "--listen", taken.Addr().String()}, status: 1, want: "another program"},
		{args: []string{"--watch", s.root, "--state-dir", s.state, "--listen", "nowhere"}, status: 1, want: "--listen"},
		{args: []string{"--watch", s.root, "--state-dir", filepath.Join(file, "state")}, status: 1, want: "--state-dir"},
		{args: []string{"--broker", "mysql://localhost"}, status: 2, want: "redis://HOST:6379"},
		{args: []string{"--publish-token", "short"}, status: 2, want: "16 bytes"},
		{args: []string{"--publish-token", "0123456789abcdef", "--admin-listen", "off"}, status: 2, want: "--admin-listen"},
		{args: []string{"--watch", "x", "--forward-url", "http://localhost/"}, status: 2, want: "--peer-messages"},
		{args: []string{"--watch", "x", "--peer-messages", "--forward-url", "localhost"}, status: 2, want: "https://host/path"},
		{args: []string{"demo", "--listen", taken.Addr().String(), "--page-listen", "127.0.0.1:0"}, status: 1, want: "another program"},
		{args: []string{"demo", "--listen", answering.Listener.Addr().String(), "--page-listen", "127.0.0.1:0"}, status: 1, want: "another program"},
		{args: []string{"tail", "127.0.0.1:1"}, status: 1, want: "connect to ws://127.0.0.1:1"},
		{args: []string{"healthcheck", "--listen", "127.0.0.1:1"}, status: 1, want: "refused"},
		{args: []string{"bench", "--url", "wss://example.com/"}, status: 2, want: "does not support TLS"},
		{args: []string{"bench", "--url", "localhost:8080"}, status: 2, want: "ws://host:port/path"},
		{args: []string{"bench", "--write", file}, status: 2, want: "--url, which is missing"},
		{args: []string{"bench", "--size", "100"}, status: 2, want: "at least 154"},
		{args: []string{"bench", "--clients", "0"}, status: 2, want: "at least 1"},
		{args: []string{"bench", "--stalled", "1001"}, status: 2, want: "--stalled"},
		{args: []string{"bench", "--churn=-1"}, status: 2, want: "--churn"},
		{args: []string{"bench", "--every=-1s"}, status: 2, want: "negative"},
		{args: []string{"bench", "--clients", "1000000000"}, status: 1, want: "ulimit -n"},
		{args: []string{"bench", "--url", "ws://" + taken.Addr().String(), "--pid", "4194304"}, status: 1, want: "--pid"},
		{args: []string{"bench", "--url", "ws://127.0.0.1:1"}, status: 1, want: "connection refused"},
		{args: []string{"bench", "--clients", "1"}, env: "WPRE_RELAY_REQUIRE_ORIGIN=true", status: 1, want: "403 Forbidden"},
	} {
		cmd := command(t, tc.args...)
		if tc.env != "" {
			cmd.Env = append(cmd.Env, tc.env)
		}
		text, status := output(t, cmd)
		if status != tc.status || !strings.Contains(text, tc.want) {
			t.Errorf("%v %s: exit status %d, want %d and %q:\n%s", tc.args, tc.env, status, tc.status, tc.want, text)
		}
	}
}

// TestFlagsCountBeforeTheEnvironmentAndThatBeforeTheFile sets one thing in all three, one in two and one in the file.
func TestFlagsCountBeforeTheEnvironmentAndThatBeforeTheFile(t *testing.T) {
	s := newSite(t)
	config := filepath.Join(s.root, "relay.yaml")
	secret := filepath.Join(s.root, "welcome")
	content := "watch: " + s.root + "\nlog-format: json\nhistory: 1\nwelcome: from the file\nallow-origin: [https://a.example, https://*.b.example]\nlisten: 127.0.0.1:1\n"
	err := errors.Join(
		os.WriteFile(config, []byte(content), 0o600),
		os.WriteFile(secret, []byte("from the environment\n"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	cmd.Env = append(cmd.Env, "WPRE_RELAY_CONFIG="+config, "WPRE_RELAY_STATE_DIR="+s.state, "WPRE_RELAY_LISTEN=127.0.0.1:2",
		"WPRE_RELAY_WELCOME_FILE="+secret, "WPRE_RELAY_HISTORY=")
	p := launch(t, cmd)
	expect(t, p.dial(), "from the environment")
	header := http.Header{"Origin": {"https://x.b.example"}}
	if _, _, err := websocket.Dial(t.Context(), "ws://"+p.address, &websocket.DialOptions{HTTPHeader: header}); err != nil {
		t.Errorf("the file's allow-origin: %v", err)
	}
}

func TestTheREADMEShowsTheHelp(t *testing.T) {
	readme, err := os.ReadFile(fromRoot("README.md"))
	if err != nil {
		t.Fatal(err)
	}
	help, status := output(t, command(t, "--help"))
	if status != 0 || !strings.Contains(string(readme), "```\n"+help+"```\n") {
		t.Errorf("exit status %d; README.md does not show this help:\n%s", status, help)
	}
}

// TestHelpFitsATerminal wants no line over 80 columns, for any command.
func TestHelpFitsATerminal(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"demo", "--help"}, {"tail", "--help"}, {"bench", "--help"}, {"healthcheck", "--help"}, {"check", "--help"}, {"config", "--help"}, {"completion", "--help"}, {"token", "--help"}} {
		help, status := output(t, command(t, args...))
		if status != 0 || !strings.HasPrefix(help, "Usage: wpre-relay") {
			t.Errorf("%v: exit status %d:\n%s", args, status, help)
		}
		for line := range strings.Lines(help) {
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("%v: longer than 80 columns: %s", args, line)
			}
		}
	}
}
