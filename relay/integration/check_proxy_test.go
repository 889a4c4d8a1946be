//go:build linux

package integration_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// proxyCases are calls of check with nginx in front of a relay. The output for each is in testdata/check.
var proxyCases = []struct {
	name, site, url string
	idle            string
	status          int
}{
	{name: "proxy-fine", site: "https://www.example.test/good/", url: "wss://www.example.test/ws", idle: "1s"},
	{name: "proxy-no-upgrade", url: "wss://www.example.test/bare", status: 1},
	{name: "proxy-impatient", url: "wss://www.example.test/hasty", idle: "20s", status: 1},
	{name: "proxy-without-relay", url: "wss://www.example.test/nowhere", status: 1},
	{name: "proxy-not-the-relay", url: "wss://www.example.test/plain/", status: 1},
	{name: "proxy-redirect", url: "wss://www.example.test/moved", status: 1},
	{name: "wrong-origin", site: "https://other.example.test/good/", url: "wss://www.example.test/ws", status: 1},
	{name: "mixed-content", site: "https://www.example.test", status: 1},
	{name: "visitors-own-machine", site: "https://www.example.test/local/", url: "wss://www.example.test/ws", status: 1},
	{name: "plugin-not-active", site: "https://www.example.test/plain/"},
	{name: "certificate", url: "wss://third.example.test/ws", status: 1},
	{name: "no-tls", url: "wss://RELAY", status: 1},
}

func TestCheckReportsFaultsOfProxy(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	environment := startNginx(t, r.address)
	for _, tc := range proxyCases {
		t.Run(tc.name, func(t *testing.T) {
			args := []string{"check", "--listen", "off", "--admin-listen", "off", "--idle", "0"}
			for flag, value := range map[string]string{"--site": tc.site, "--url": tc.url, "--idle": tc.idle} {
				if value != "" {
					args = append(args, flag, strings.ReplaceAll(value, "RELAY", r.address))
				}
			}
			cmd := command(t, args...)
			cmd.Env = append(cmd.Env, environment...)
			text, status := run(t, cmd)
			if status != tc.status {
				t.Errorf("exit status %d, want %d:\n%s", status, tc.status, text)
			}
			golden(t, tc.name, text, r.address, "127.0.0.1:NNNNN")
		})
	}
}

// finding is a part of the output of check --json.
type finding struct {
	Check, Level, Text string
	Paste              []struct{ Where, Lines string }
}

// TestIdleConnectionSurvivesNginx sends no event for 70 s. By default nginx closes a connection after 60 s without
// data.
func TestIdleConnectionSurvivesNginx(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes 70 s")
	}
	t.Parallel()
	r := newSite(t).start()
	cmd := command(t, "check", "--listen", "off", "--admin-listen", "off", "--url", "wss://www.example.test/ws",
		"--idle", "70s", "--json")
	cmd.Env = append(cmd.Env, startNginx(t, r.address)...)
	out, err := cmd.Output()
	var findings []finding
	if err := errors.Join(err, json.Unmarshal(out, &findings)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range findings {
		if f.Check == "idle" && f.Level == "ok" && strings.Contains(f.Text, "1m10s") {
			return
		}
	}
	t.Errorf("got %s", out)
}

// newStaticSite creates a site with an event file that every user may read.
func newStaticSite(t *testing.T) (root string) {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "wpre-site-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(root, eventsDir, "latest_event.json"), `{"timestamp":1}`)
	writeFile(t, filepath.Join(root, "index.html"), "a site")
	writeFile(t, filepath.Join(root, "index.php"), "WordPress")
	writeFile(t, filepath.Join(root, ".htaccess"), "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\n"+
		"RewriteCond %{REQUEST_FILENAME} !-d\nRewriteRule . /index.php [L]\n")
	for _, path := range []string{"/ws", "/bare"} {
		writeFile(t, filepath.Join(root, path+"op-2026", "index.html"), "a page of the site")
		writeFile(t, filepath.Join(root, path+".js"), "a script of the site")
	}
	return root
}

// statusOf returns the status of a GET request, or 0 if it fails.
func statusOf(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}
