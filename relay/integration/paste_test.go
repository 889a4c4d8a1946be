//go:build linux

package integration_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/testwait"
)

// pasteServers are configurations of web servers. The lines of check or of a document replace PASTE, the lines of
// Caddy's global options OPTIONS, and the site's folder ROOT. Each has a log of all requests, and rules for scripts
// and for all paths, as sites have them.
var pasteServers = map[string]webServer{
	"nginx": nginx(`listen ADDRESS; root ROOT; location ~* \.(js|css)$ { expires 1d; }
		location / { try_files $uri $uri/ =404; } PASTE`),
	"Apache": {
		program: "apache2", args: []string{"-X", "-f", "DIR/config"},
		config: `ServerName localhost
ServerRoot DIR
PidFile DIR/pid
ErrorLog DIR/log
Mutex file:DIR
Listen ADDRESS
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_wstunnel_module /usr/lib/apache2/modules/mod_proxy_wstunnel.so
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule cache_module /usr/lib/apache2/modules/mod_cache.so
User www-data
LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined
<VirtualHost ADDRESS>
DocumentRoot ROOT
CustomLog DIR/access combined
<Directory ROOT>
AllowOverride All
</Directory>
<FilesMatch "\.(js|css)$">
SetHandler default-handler
</FilesMatch>
PASTE
</VirtualHost>`,
	},
	"Caddy": {
		program: "caddy", args: []string{"run", "--adapter", "caddyfile", "--config", "DIR/config"},
		config: `{
	admin off
	auto_https off
	storage file_system DIR
OPTIONS}
http://ADDRESS {
	log
	root * ROOT
	try_files {path} {path}/ /index.html
	@scripts path *.js *.css
	header @scripts Cache-Control max-age=86400
	handle {
		file_server
	}
PASTE}
`,
	},
}

// pastedLines returns the lines that check shows for each web server and for the options of Caddy. It has check try a
// proxy that passes no upgrade, and a site that serves the event file.
func pastedLines(t *testing.T, r *relay) map[string]string {
	t.Helper()
	environment := startNginx(t, r.address)
	lines := make(map[string]string)
	for _, args := range [][]string{{"--url", "wss://www.example.test/bare"}, {"--site", "https://www.example.test"}} {
		cmd := command(t, append([]string{"check", "--json", "--listen", r.address, "--admin-listen", "off", "--idle", "0"},
			args...)...)
		cmd.Env = append(cmd.Env, environment...)
		out, _ := cmd.Output() // exits with 1
		var findings []finding
		if err := json.Unmarshal(out, &findings); err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			for _, paste := range f.Paste {
				server, where, _ := strings.Cut(strings.TrimPrefix(paste.Where, "For "), ",")
				switch where {
				case " in the global options":
					server += " options"
				case " as labels of the relay's container":
					server += " labels"
				}
				lines[server] += paste.Lines + "\n"
			}
		}
	}
	return lines
}

// startWith starts the server with the pasted lines for the given name.
func (w webServer) startWith(t *testing.T, dir, root, name string, paste map[string]string) (address string) {
	t.Helper()
	w.config = strings.NewReplacer("ROOT", root, "PASTE", paste[name], "OPTIONS", paste[name+" options"]).Replace(w.config)
	return w.start(t, dir, func(address string) bool { return statusOf("http://"+address+"/") == http.StatusOK })
}

// TestWebServersDoNotLogTokens sends tokens in URLs and subprotocols through web servers with the lines that check
// shows, while the relay runs and while it does not.
func TestWebServersDoNotLogTokens(t *testing.T) {
	t.Parallel()
	key := writeSecret(t)
	token := mintToken(t, "--jwt-key", key)
	root := newStaticSite(t)
	for name, server := range pasteServers {
		t.Run(name, func(t *testing.T) {
			r := newSite(t).start("--jwt-key", key)
			dir := t.TempDir()
			address := server.startWith(t, dir, root, name, pastedLines(t, r))
			url := "ws://" + address + "/bare?access_token=" + token
			conn, _, err := websocket.Dial(t.Context(), url, nil)
			if err != nil {
				t.Fatal(err)
			}
			conn.CloseNow()
			options := &websocket.DialOptions{Subprotocols: []string{"bearer", token}}
			if conn, _, err = websocket.Dial(t.Context(), "ws://"+address+"/bare", options); err != nil {
				t.Fatal(err)
			}
			conn.CloseNow()
			if got := statusOf("http://" + address + "/bare/history?access_token=" + token); got != http.StatusOK {
				t.Errorf("/history: %d", got)
			}
			r.stop(syscall.SIGTERM)
			if _, _, err := websocket.Dial(t.Context(), url, nil); err == nil {
				t.Error("a stopped relay is reached")
			}
			statusOf("http://" + address + "/index.html?last=1")
			var logs string
			testwait.Until(func() bool { logs = readLogs(dir); return strings.Contains(logs, "/index.html") })
			if !strings.Contains(logs, "/index.html") || strings.Contains(logs, token) {
				t.Errorf("other requests must be logged, and no token (%s):\n%s", token, logs)
			}
			if strings.Contains(r.log.String(), token) {
				t.Error("the relay logs the token")
			}
		})
	}
}
