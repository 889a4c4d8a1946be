//go:build linux

package integration_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog/enginetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with testdata/check/name.golden, after the replacements.
func golden(t *testing.T, name, text string, replace ...string) {
	t.Helper()
	text = strings.NewReplacer(replace...).Replace(text)
	text = regexp.MustCompile(`process \d+`).ReplaceAllString(text, "process N")
	text = regexp.MustCompile(`(\s)\(uid\s+\d+\)`).ReplaceAllString(text, "$1(uid N)")
	text = regexp.MustCompile(`example\.test:\d{5}`).ReplaceAllString(text, "example.test:NNNNN")
	path := fromRoot(filepath.Join("testdata", "check", name+".golden"))
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, text, want)
	}
}

// wordpress makes what check looks at of a WordPress with the plugin, at a path of a fixed length, so that lines break alike.
func wordpress(t *testing.T) string {
	t.Helper()
	companion, status := output(t, command(t, "companion"))
	if status != 0 {
		t.Fatalf("wpre-relay companion: exit status %d: %s", status, companion)
	}
	root := fmt.Sprintf("/tmp/wp%08x", rand.Uint32())
	t.Cleanup(func() { os.RemoveAll(root) })
	for path, content := range map[string]string{
		"wp-config.php":                           "<?php\n",
		"wp-admin/includes/file.php":              "<?php\n",
		"wp-content/uploads/index.php":            "",
		"wp-content/plugins/rt/events.php":        "<?php\n/**\n * Plugin Name: WP Realtime Events\n */\nWP_Filesystem();\n",
		"wp-content/realtime-events/index.php":    "",
		"wp-content/mu-plugins/companion.php":     companion,
		"wp-content/plugins/akismet/akismet.php":  "<?php\n/* Plugin Name: Akismet */\n",
		"wp-content/realtime-events/.placeholder": "",
	} {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

// needsRoot skips a test that gives files to others.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can give files to others")
	}
}

// TestCheckFindsWhatIsWrongWithTheFiles provokes each failure for real.
func TestCheckFindsWhatIsWrongWithTheFiles(t *testing.T) {
	needsRoot(t)
	for _, tc := range []struct {
		name   string
		damage func(root string) error
		args   []string
		run    func(cmd *exec.Cmd)
		status int
	}{
		{name: "fine", args: []string{"--public-status", "publish"}},
		{name: "no-wordpress", status: 1, damage: func(root string) error {
			return errors.Join(os.RemoveAll(root+"/wp-content"), os.Remove(root+"/wp-config.php"))
		}},
		{name: "no-plugin", status: 1, damage: func(root string) error { return os.RemoveAll(root + "/wp-content/plugins/rt") }},
		{name: "not-activated", damage: func(root string) error { return os.RemoveAll(root + "/wp-content/realtime-events") }},
		{name: "block-editor", status: 1, damage: func(root string) error { return os.RemoveAll(root + "/wp-content/mu-plugins") }},
		{name: "companion", damage: func(root string) error {
			return os.WriteFile(root+"/wp-content/realtime-events/events-0123456789abcdef.ndjson", nil, 0o644)
		}},
		{name: "companion-gone", status: 1, damage: func(root string) error {
			return errors.Join(os.WriteFile(root+"/wp-content/realtime-events/events-0123456789abcdef.ndjson", nil, 0o644), os.RemoveAll(root+"/wp-content/mu-plugins"))
		}},
		{name: "companion-unreadable", status: 1, damage: func(root string) error {
			return os.WriteFile(root+"/wp-content/realtime-events/events-0123456789abcdef.ndjson", nil, 0o600)
		}, run: func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}},
		{name: "only-the-file-is-loaded", damage: func(root string) error {
			return os.WriteFile(root+"/wp-content/mu-plugins/companion.php", []byte("<?php require_once ABSPATH . 'wp-admin/includes/file.php';\n"), 0o644)
		}},
		{name: "ftp", status: 1, damage: func(root string) error { return os.Chown(root+"/wp-content/realtime-events", 33, 33) }},
		{name: "ftp-asked-for", status: 1, damage: func(root string) error {
			return os.WriteFile(root+"/wp-config.php", []byte("<?php\ndefine( 'FS_METHOD', 'ftpext' );\n"), 0o644)
		}},
		{name: "tight-directories", damage: func(root string) error {
			return errors.Join(os.Chown(root+"/wp-content", 33, 33), os.Chmod(root+"/wp-content", 0o750))
		}},
		{name: "cannot-read", status: 1, damage: func(root string) error {
			return errors.Join(os.WriteFile(root+"/wp-content/realtime-events/latest_event.json", []byte("{}"), 0o600))
		}, run: func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}},
		{name: "polling", args: []string{"--poll-interval", "1s"}},
		{name: "no-inotify", run: func(cmd *exec.Cmd) {
			cmd.Args = append([]string{"unshare", "--user", "--map-root-user", "sh", "-c", `echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"`, "sh"}, cmd.Args...)
			cmd.Path, cmd.Err = exec.LookPath("unshare")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := wordpress(t)
			if tc.damage != nil {
				if err := tc.damage(root); err != nil {
					t.Fatal(err)
				}
			}
			cmd := command(t, append([]string{"check", "--watch", root, "--listen", "off", "--admin-listen", "off"}, tc.args...)...)
			if tc.run != nil {
				tc.run(cmd)
			}
			text, status := output(t, cmd)
			if status != tc.status {
				t.Errorf("exit status %d, want %d", status, tc.status)
			}
			golden(t, tc.name, text, root, "/tmp/wpNNNNNNNN")
		})
	}
}

func TestCheckSaysWhoHasThePort(t *testing.T) {
	needsRoot(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := newSite(t).start()
	text, status := output(t, command(t, "check", "--site", "http://127.0.0.1:1", "--listen", taken.Addr().String(), "--admin-listen", p.address))
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	golden(t, "ports", text, taken.Addr().String(), "127.0.0.1:NNNNN", p.address, "127.0.0.1:MMMMM")
}

// front is nginx in front of a relay, with TLS, as www.example.test. Requests get there through a proxy, as that name leads
// nowhere.
type front struct {
	env []string
}

// newFront starts nginx with these locations; RELAY stands for the relay's address.
func newFront(t *testing.T, relay, locations string) *front {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED: no nginx")
	}
	dir := t.TempDir()
	certify(t, dir, 1, "www.example.test", "other.example.test")
	address := enginetest.FreePort(t)
	config := fmt.Sprintf(`
		daemon off; pid %[1]s/pid; error_log %[1]s/error.log;
		events {}
		http {
			access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
			uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
			server {
				listen %[2]s ssl; server_name www.example.test;
				ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/key.pem;
				%[3]s
			}
		}`, dir, address, strings.ReplaceAll(locations, "RELAY", relay))
	if err := os.WriteFile(dir+"/nginx.conf", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-e", dir+"/error.log", "-c", dir+"/nginx.conf")
	var said lockedBuffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nginx does not start: %s", said.String())
		}
	}
	tunnel := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up, err := net.Dial("tcp", address)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		down, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			up.Close()
			return
		}
		io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(up, down); up.Close() }()
		io.Copy(down, up)
		down.Close()
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go tunnel.Serve(listener)
	t.Cleanup(func() { tunnel.Close() })
	return &front{env: []string{"HTTPS_PROXY=http://" + listener.Addr().String(), "SSL_CERT_FILE=" + dir + "/cert.pem"}}
}

// throughNginx are ways to have nginx in front of a relay, and a site beside it.
const throughNginx = `
	location /ws { proxy_pass http://RELAY; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host; }
	location /bare { proxy_pass http://RELAY; proxy_set_header Host $http_host; }
	location /hasty { proxy_pass http://RELAY; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host; proxy_read_timeout 2s; }
	location /nowhere { proxy_pass http://127.0.0.1:1; }
	location /moved { return 301 /ws; }
	location = / { default_type text/html; return 200 '<script src="/websocket-client.js"></script><script>var x = {"url":"ws:\/\/www.example.test:8080"};</script>'; }
	location /local/ { default_type text/html; return 200 '<script src="/websocket-client.js"></script><script>var x = {"url":"ws:\/\/localhost:8080"};</script>'; }
	location /good/ { default_type text/html; return 200 '<script src="/websocket-client.js"></script><script>var x = {"url":"wss:\/\/www.example.test\/ws"};</script>'; }
	location /plain/ { default_type text/html; return 200 'Hello'; }
	location /wp-content/realtime-events/ { default_type application/json; return 200 '{"timestamp":1,"status":"draft"}'; }
	location ~ ^/(local|good|plain)/wp-content/ { return 403; }`

// TestCheckSeesThroughAProxy has nginx in front, with TLS, and in it what people get wrong.
func TestCheckSeesThroughAProxy(t *testing.T) {
	p := newSite(t).start()
	front := newFront(t, p.address, throughNginx)
	const host = "www.example.test"
	for _, tc := range []struct {
		name, site, url string
		idle            string
		status          int
	}{
		{name: "proxy-fine", site: "https://" + host + "/good/", url: "wss://" + host + "/ws", idle: "1s"},
		{name: "proxy-no-upgrade", url: "wss://" + host + "/bare", status: 1},
		{name: "proxy-impatient", url: "wss://" + host + "/hasty", idle: "20s", status: 1},
		{name: "proxy-without-relay", url: "wss://" + host + "/nowhere", status: 1},
		{name: "proxy-not-the-relay", url: "wss://" + host + "/plain/", status: 1},
		{name: "proxy-redirect", url: "wss://" + host + "/moved", status: 1},
		{name: "wrong-origin", site: "https://other.example.test/good/", url: "wss://" + host + "/ws", status: 1},
		{name: "mixed-content", site: "https://" + host, status: 1},
		{name: "visitors-own-machine", site: "https://" + host + "/local/", url: "wss://" + host + "/ws", status: 1},
		{name: "plugin-not-active", site: "https://" + host + "/plain/"},
		{name: "certificate", url: "wss://third.example.test/ws", status: 1},
		{name: "no-tls", url: "wss://" + p.address, status: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := []string{"check", "--listen", "off", "--admin-listen", "off", "--idle", "0"}
			if tc.site != "" {
				args = append(args, "--site", tc.site)
			}
			if tc.url != "" {
				args = append(args, "--url", tc.url)
			}
			if tc.idle != "" {
				args = append(args, "--idle", tc.idle)
			}
			cmd := command(t, args...)
			cmd.Env = append(cmd.Env, front.env...)
			text, status := output(t, cmd)
			if status != tc.status {
				t.Errorf("exit status %d, want %d:\n%s", status, tc.status, text)
			}
			golden(t, tc.name, text, p.address, "127.0.0.1:NNNNN")
		})
	}
}

// TestAConnectionHoldsThroughNginx leaves one alone for 100 s; nginx waits 60 s for an idle one.
func TestAConnectionHoldsThroughNginx(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 100 s")
	}
	t.Parallel()
	p := newSite(t).start()
	front := newFront(t, p.address, throughNginx)
	cmd := command(t, "check", "--listen", "off", "--admin-listen", "off", "--url", "wss://www.example.test/ws", "--idle", "100s", "--json")
	cmd.Env = append(cmd.Env, front.env...)
	out, err := cmd.Output()
	var findings []struct{ Check, Level, Text string }
	if err := errors.Join(err, json.Unmarshal(out, &findings)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range findings {
		if f.Check == "idle" && f.Level == "ok" && strings.Contains(f.Text, "1m40s") {
			return
		}
	}
	t.Errorf("got %s", out)
}

func TestCheckIsColouredOnATerminalOnly(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("SKIPPED: no script(1)")
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	call := path + " check --url ws://127.0.0.1:1 --listen off --admin-listen off"
	for _, tc := range []struct {
		command string
		colored bool
	}{{call, true}, {"NO_COLOR=1 " + call, false}, {call + " | cat", false}} {
		text, _ := output(t, exec.Command("script", "-qec", tc.command, "/dev/null"))
		if strings.Contains(text, "\x1b[1;31mFAIL\x1b[0m") != tc.colored || !strings.Contains(text, "FAIL") {
			t.Errorf("%s: %q", tc.command, text)
		}
	}
}

// TestWhatCheckSaysToPasteWorks puts the lines into real web servers, and goes through them.
func TestWhatCheckSaysToPasteWorks(t *testing.T) {
	s := newSite(t)
	p := s.start()
	front := newFront(t, p.address, throughNginx)
	snips := make(map[string]string)
	for _, args := range [][]string{{"--url", "wss://www.example.test/bare"}, {"--site", "https://www.example.test"}} {
		cmd := command(t, append([]string{"check", "--json", "--listen", p.address, "--admin-listen", "off", "--idle", "0"}, args...)...)
		cmd.Env = append(cmd.Env, front.env...)
		out, _ := cmd.Output() // which fails, as it should
		var findings []struct {
			Paste []struct{ Where, Lines string }
		}
		if err := json.Unmarshal(out, &findings); err != nil {
			t.Fatal(err)
		}
		for _, finding := range findings {
			for _, snip := range finding.Paste {
				server, _, _ := strings.Cut(strings.TrimPrefix(snip.Where, "For "), ",")
				snips[server] += snip.Lines + "\n"
			}
		}
	}
	root, err := os.MkdirTemp("/tmp", "wpre-site-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	event := filepath.Join(root, "wp-content/realtime-events/latest_event.json")
	if err := errors.Join(os.Chmod(root, 0o755), os.MkdirAll(filepath.Dir(event), 0o755), os.WriteFile(event, []byte(`{"timestamp":1}`), 0o644),
		os.WriteFile(root+"/index.html", []byte("a site"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for server, start := range map[string]func(dir, address string) (config string, args []string){
		"nginx": func(dir, address string) (string, []string) {
			return fmt.Sprintf("daemon off; pid %[1]s/pid; error_log %[1]s/log; events {}\nhttp { access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b;"+
				" fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e; server { listen %[2]s; root %[3]s;\n%[4]s\n} }",
				dir, address, root, snips["nginx"]), []string{"nginx", "-e", dir + "/log", "-c", dir + "/config"}
		},
		"Apache": func(dir, address string) (string, []string) {
			return fmt.Sprintf("ServerName localhost\nServerRoot %[1]s\nPidFile %[1]s/pid\nErrorLog %[1]s/log\nMutex file:%[1]s\nListen %[2]s\n"+
				"LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\nLoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n"+
				"LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so\nLoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\n"+
				"LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so\nLoadModule proxy_wstunnel_module /usr/lib/apache2/modules/mod_proxy_wstunnel.so\n"+
				"User www-data\nDocumentRoot %[3]s\n%[4]s", dir, address, root, snips["Apache"]), []string{"apache2", "-X", "-f", dir + "/config"}
		},
		"Caddy": func(dir, address string) (string, []string) {
			return fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n\tstorage file_system %s\n}\nhttp://%s {\n\troot * %s\n\tfile_server\n%s}\n", dir, address, root, snips["Caddy"]),
				[]string{"caddy", "run", "--adapter", "caddyfile", "--config", dir + "/config"}
		},
	} {
		t.Run(server, func(t *testing.T) {
			dir, address := t.TempDir(), enginetest.FreePort(t)
			config, args := start(dir, address)
			program, err := exec.LookPath(args[0])
			if err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skip("SKIPPED: ", err)
			}
			if err := os.WriteFile(dir+"/config", []byte(config), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program, args[1:]...)
			cmd.Env = append(os.Environ(), "HOME="+dir)
			var said lockedBuffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
			status := func(path string) int {
				response, err := http.Get("http://" + address + path)
				if err != nil {
					return 0
				}
				response.Body.Close()
				return response.StatusCode
			}
			for deadline := time.Now().Add(patience); status("/") != http.StatusOK; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					log, _ := os.ReadFile(dir + "/log")
					t.Fatalf("it does not serve: %.2000s%.2000s\n%s", said.String(), log, config)
				}
			}
			if got := status("/wp-content/realtime-events/latest_event.json"); got != http.StatusForbidden {
				t.Errorf("the event file: %d, want 403", got)
			}
			text, code := output(t, command(t, "check", "--site", "http://"+address, "--url", "ws://"+address+"/bare", "--idle", "1s", "--listen", "off", "--admin-listen", "off"))
			for _, want := range []string{"OK    connection:", "OK    origin:", "OK    idle:", "OK    event file:"} {
				if !strings.Contains(text, want) {
					t.Errorf("exit status %d, no %s:\n%s", code, want, text)
				}
			}
		})
	}
}
