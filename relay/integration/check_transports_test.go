//go:build linux

package integration_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// transportLocations are paths of nginx that lead to a relay at RELAY, each with a fault, and one that leads to a Node
// server at OTHER. Their front page redirects to the site's other name.
const transportLocations = `
	listen ADDRESS; default_type text/html; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
	proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host;
	location / { return 200 ''; }
	location = /renamed/ { return 301 http://localhost:$server_port/; }
	location /good { proxy_pass http://RELAY; }
	location = /exact { proxy_pass http://RELAY; }
	location /buffered { proxy_pass http://RELAY; proxy_ignore_headers X-Accel-Buffering; }
	location /cached { proxy_pass http://RELAY; proxy_cache cache; proxy_cache_valid 200 1m;
		proxy_ignore_headers Cache-Control Expires Vary; }
	location /plain { proxy_pass http://RELAY; proxy_set_header Sec-WebSocket-Protocol "";
		proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }
	location /password { auth_basic x; auth_basic_user_file DIR/none; proxy_pass http://RELAY; }
	location /other { proxy_pass http://OTHER; }
	location /teapot { return 426; }`

// transportCases are addresses behind transportLocations, and the findings of check.
var transportCases = []struct{ path, want string }{
	{"/good", "OK transports: the relay's client gets through"},
	{"/exact", "WARN transports: http://HOST/exact/events is not of the relay: it responds with 200 OK"},
	{"/exact", "WARN transports: http://HOST/exact/client.js is not of the relay"},
	{"/buffered", "WARN transports: http://HOST/buffered/events does not respond within 5s: a proxy may buffer it"},
	{"/cached", "WARN transports: http://HOST/cached/history comes from a cache"},
	{"/plain", "WARN transports: a proxy removes the header Sec-WebSocket-Protocol"},
	{"/password", "FAIL connection: ws://HOST/password requires a password, but not that of the relay"},
	{"/other", "FAIL connection: ws://HOST/other upgrades to a WebSocket, but is not wpre-relay"},
	{"/teapot", "FAIL connection: ws://HOST/teapot is not the relay: it responds with 426"},
	{"/good", "SKIP origin: not checked; set --site"},
	{"/nowhere", "FAIL connection: ws://HOST/nowhere is not the relay: it responds with 200 OK"},
}

// startTransports starts nginx with transportLocations. It returns nginx's address.
func startTransports(t *testing.T, relay string) string {
	t.Helper()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, err := websocket.Accept(w, r, nil); err == nil {
			conn.CloseRead(r.Context())
			<-r.Context().Done()
		}
	}))
	t.Cleanup(other.Close)
	server := nginx(strings.NewReplacer("RELAY", relay, "OTHER", other.Listener.Addr().String()).
		Replace(transportLocations))
	server.config = strings.NewReplacer("daemon off;", "daemon off; user root;", // which may enter DIR
		"server {", "proxy_cache_path DIR/cache keys_zone=cache:1m; server {").Replace(server.config)
	return server.start(t, t.TempDir(), func(address string) bool { return statusOf("http://"+address) == http.StatusOK })
}

// checkURL returns the output of check for a relay's address, in one line.
func checkURL(t *testing.T, url string, args ...string) string {
	t.Helper()
	args = append([]string{"check", "--url", url, "--listen", "off", "--admin-listen", "off", "--idle", "0"}, args...)
	text, _ := run(t, command(t, args...))
	return strings.Join(strings.Fields(text), " ")
}

func TestCheckTriesEveryTransport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	address := startTransports(t, s.start().address)
	outputs := make(map[string]string)
	for _, tc := range transportCases {
		if outputs[tc.path] == "" {
			outputs[tc.path] = checkURL(t, "ws://"+address+tc.path)
		}
		if want := strings.ReplaceAll(tc.want, "HOST", address); !strings.Contains(outputs[tc.path], want) {
			t.Errorf("%s: no %q in\n%s", tc.path, want, outputs[tc.path])
		}
	}
}

// TestCheckTriesTransportsWithoutToken has a relay that requires a token, behind a proxy that passes only one path.
func TestCheckTriesTransportsWithoutToken(t *testing.T) {
	t.Parallel()
	key := t.TempDir() + "/key"
	writeFile(t, key, strings.Repeat("x", 32))
	address := startTransports(t, newSite(t).start("--jwt-key", key).address)
	for path, want := range map[string]string{
		"/good":  "OK transports: ",
		"/exact": "WARN transports: http://" + address + "/exact/events is not of the relay",
	} {
		text := checkURL(t, "ws://"+address+path)
		if !strings.Contains(text, "is the relay, which requires a token") || !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", path, want, text)
		}
	}
}

// TestCheckTriesTheOriginOfTheFrontPage has a site that redirects to its other name, with another origin.
func TestCheckTriesTheOriginOfTheFrontPage(t *testing.T) {
	t.Parallel()
	address := startTransports(t, newSite(t).start().address)
	_, port, _ := net.SplitHostPort(address)
	text := checkURL(t, "ws://"+address+"/good", "--site", "http://"+address+"/renamed/")
	if want := "FAIL origin: pages of http://localhost:" + port + " are rejected"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}

// TestCheckNamesTheOriginThatItCouldNotTry has no server at the address.
func TestCheckNamesTheOriginThatItCouldNotTry(t *testing.T) {
	t.Parallel()
	address := startTransports(t, newSite(t).start().address)
	text := checkURL(t, "ws://127.0.0.1:1/", "--site", "http://"+address+"/")
	want := "SKIP origin: not known: without a connection, pages of http://" + address + " could not be tried"
	if !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}

// TestCheckReportsFileMountedAlone mounts the event file over itself in a mount namespace.
func TestCheckReportsFileMountedAlone(t *testing.T) {
	t.Parallel()
	unshare := lookPath(t, "unshare")
	s := newSite(t)
	s.write(1)
	args := []string{"check", "--watch", s.root, "--listen", "off", "--admin-listen", "off"}
	for mount, want := range map[string]string{
		`mount --bind "$0" "$0" && `: "WARN path: " + s.file + " is mounted alone",
		"":                           "OK path: " + s.file + " exists",
	} {
		call := append([]string{"--user", "--map-root-user", "--mount", "sh", "-c", mount + `exec "$@"`, s.file, binaryPath},
			args...)
		text, _ := run(t, exec.Command(unshare, call...))
		if text = strings.Join(strings.Fields(text), " "); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
