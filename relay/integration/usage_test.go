//go:build linux

package integration_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// usageErrors are calls that fail. In the arguments, LISTENER is the address of a listener that answers nothing,
// SERVER the address of an HTTP server, ROOT and STATE are the directories of a site, and FILE is a file with a
// misspelled setting.
var usageErrors = []struct {
	args   string
	env    string
	status int
	want   string // part of the error
}{
	{args: "", status: 2, want: "--watch is missing"},
	{args: "--watch", status: 2, want: "--watch: the value is missing: --watch=PATH"},
	{args: "--watch --listen :0", status: 2, want: "--watch: the value is missing: --watch=PATH"},
	{args: "--wach x", status: 2, want: `did you mean "--watch"`},
	{args: "serv", status: 2, want: `"serv" is not a command; did you mean "serve"?` + "\nTry: wpre-relay help\n"},
	{args: "start", status: 2, want: "the commands are serve, demo"},
	{args: "help serv", status: 2, want: `did you mean "serve"?` + "\nTry: wpre-relay help\n"},
	{args: "tail --lst 5", status: 2, want: `did you mean "--last"?` + "\nTry: wpre-relay help tail\n"},
	{args: "--watch x --debounce soon", status: 2, want: "--debounce"},
	{args: "--watch x --debounce=-1s", status: 2, want: "negative"},
	{args: "--watch x --history 0", status: 2, want: "--history"},
	{args: "--watch x --max-event-size big", status: 2, want: "is not a size"},
	{args: "--watch x --allow-origin example.com", status: 2, want: "https://example.com"},
	{args: "--watch x --log-level verbose", status: 2, want: "the levels are debug, info, warn and error"},
	{args: "--watch x", env: "WPRE_RELAY_LOG_LEVEL=verbose", status: 2, want: "debug, info, warn and error (from WPRE"},
	{args: "--watch x --config FILE", status: 2, want: `/file:1: "listn" is not a setting; did you mean "listen"?`},
	{args: `--watch x --filter status="publish"`, status: 2, want: "To compare two values, write =="},
	{args: "--watch x --config absent.yaml", status: 2, want: "absent.yaml"},
	{args: "--watch x", env: "WPRE_RELAY_HISTORY=many", status: 2, want: "many"},
	{args: "--watch x", env: "WPRE_RELAY_JWT_KEYS=key", status: 2, want: "did you mean WPRE_RELAY_JWT_KEY?"},
	{args: "--watch x", env: "WPRE_RELAY_HISTORY_FILE=/absent/file", status: 2, want: "/absent/file"},
	{args: "--watch ROOT --state-dir STATE --admin-listen off --listen LISTENER", status: 1, want: "another program"},
	{args: "--watch ROOT --state-dir STATE --admin-listen off --listen nowhere", status: 2, want: "--listen nowhere"},
	{args: "--watch x --listen 8080", status: 2, want: "did you mean :8080?"},
	{args: "--watch x --admin-listen 8081", status: 2, want: "did you mean :8081?"},
	{args: "--watch x --acme-domain example.com --acme-listen 80", status: 2, want: "did you mean :80?"},
	{args: "demo --listen 8080", status: 2, want: "did you mean :8080?"},
	{args: "demo --page-listen 8888", status: 2, want: "did you mean :8888?"},
	{args: "healthcheck --listen 8080", status: 2, want: "did you mean :8080?"},
	{args: "--watch ROOT --admin-listen off --state-dir FILE/state", status: 1, want: "--state-dir"},
	{args: "--broker mysql://localhost", status: 2, want: "redis://HOST:6379"},
	{args: "--broker redis://a:1,b:2", status: 2, want: "redis+sentinel://HOST,HOST/MASTER"},
	{args: "--broker nats://a:99999", status: 2, want: "port 99999"},
	{args: "--publish-token short", status: 2, want: "16 bytes"},
	{args: "--publish-token 0123456789abcdef --admin-listen off", status: 2, want: "--admin-listen"},
	{args: "--watch x --forward-url http://localhost/", status: 2, want: "--peer-messages"},
	{args: "--watch x --peer-messages --forward-url localhost", status: 2, want: "https://host/path"},
	{args: "demo --listen LISTENER --page-listen 127.0.0.1:0", status: 1, want: "another program"},
	{args: "demo --listen SERVER --page-listen 127.0.0.1:0", status: 1, want: "another program"},
	{args: "tail 127.0.0.1:1", status: 1, want: "connect to ws://127.0.0.1:1"},
	{args: "healthcheck --listen 127.0.0.1:1", status: 1, want: "refused"},
	{args: "healthcheck --listen [::1%lo]:1", status: 1, want: "dial tcp [::1%lo]:1"},
	// Kubernetes sets such a variable for a service that is called wpre-relay.
	{args: "healthcheck --listen 127.0.0.1:1", env: "WPRE_RELAY_PORT_8080_TCP=tcp://10.0.0.1:8080", status: 1,
		want: "refused"},
	{args: "check --site https://\u0301x.de", status: 2, want: "not a valid host name"},
	{args: "bench --url http://example.com/", status: 2, want: "ws://host:port/path"},
	{args: "bench --url localhost:8080", status: 2, want: "ws://host:port/path"},
	{args: "bench --write FILE", status: 2, want: "--url, which is missing"},
	{args: "bench --size 100", status: 2, want: "at least 154"},
	{args: "bench --clients 0", status: 2, want: "at least 1"},
	{args: "bench --stalled 1001", status: 2, want: "--stalled"},
	{args: "bench --churn=-1", status: 2, want: "--churn"},
	{args: "bench --every=-1s", status: 2, want: "negative"},
	{args: "bench --clients 1000000000", status: 1, want: "ulimit -n"},
	{args: "bench --url ws://LISTENER --pid 4194304", status: 1, want: "--pid"},
	{args: "bench --url ws://127.0.0.1:1", status: 1, want: "connection refused"},
	{args: "bench --clients 1", env: "WPRE_RELAY_REQUIRE_ORIGIN=true", status: 1, want: "403 Forbidden"},
}

func TestErrorsNameTheMistake(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	file := filepath.Join(s.root, "file")
	writeFile(t, file, "listn: :8080\n")
	places := strings.NewReplacer("LISTENER", listener.Addr().String(), "SERVER", server.Listener.Addr().String(),
		"ROOT", s.root, "STATE", s.state, "FILE", file)
	for _, tc := range usageErrors {
		cmd := command(t, strings.Fields(places.Replace(tc.args))...)
		if tc.env != "" {
			cmd.Env = append(cmd.Env, tc.env)
		}
		text, status := run(t, cmd)
		if status != tc.status || !strings.Contains(text, tc.want) {
			t.Errorf("%s %s: exit status %d, want %d and %q:\n%s", tc.args, tc.env, status, tc.status, tc.want, text)
		}
	}
}

// TestToolsShowNoSecretsOfURLs connects the tools to addresses with a password and a token, where no program listens.
func TestToolsShowNoSecretsOfURLs(t *testing.T) {
	t.Parallel()
	const address = "ws://bot:pa55word@127.0.0.1:1/?access_token=t0ken"
	for _, args := range [][]string{
		{"tail", address}, {"tail", "ws://bot:pa55word%zz@127.0.0.1:1/"}, {"tail", "127.0.0.1:1", "--token", "t0ken"},
		{"bench", "--url", address}, {"check", "--url", address}, {"check", "--site", "http://bot:pa55word@127.0.0.1:1/"},
	} {
		text, status := run(t, command(t, args...))
		if status != 1 || strings.Contains(text, "pa55word") || strings.Contains(text, "t0ken") {
			t.Errorf("%q: exit status %d, want 1 and no secret:\n%s", args, status, text)
		}
	}
}
