//go:build linux

package integration_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/testwait"
)

// webServer is a program in front of a relay.
type webServer struct {
	program string
	args    []string // DIR is the directory of the server
	config  string   // the file DIR/config, with DIR and the address to listen at as ADDRESS
}

// start starts the server and waits until ready returns true. It returns the server's address.
func (w webServer) start(t *testing.T, dir string, ready func(address string) bool) (address string) {
	t.Helper()
	program := lookPath(t, w.program)
	address = enginetest.FreePort(t)
	places := strings.NewReplacer("DIR", dir, "ADDRESS", address)
	writeFile(t, filepath.Join(dir, "config"), places.Replace(w.config))
	var args []string
	for _, arg := range w.args {
		args = append(args, places.Replace(arg))
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	if !testwait.Until(func() bool { return ready(address) }) {
		t.Fatalf("%s is not ready: %.4000s\n%s", w.program, readLogs(dir), places.Replace(w.config))
	}
	return address
}

// readLogs returns everything that the server with this directory has logged.
func readLogs(dir string) (logs string) {
	for _, name := range []string{"out", "log", "access"} {
		text, _ := os.ReadFile(filepath.Join(dir, name))
		logs += string(text)
	}
	return logs
}

// nginx returns an nginx with these directives in its server block.
func nginx(server string) webServer {
	const config = `daemon off; pid DIR/pid; error_log DIR/log; events {}
		http {
			access_log DIR/access; client_body_temp_path DIR/a; proxy_temp_path DIR/b; fastcgi_temp_path DIR/c;
			uwsgi_temp_path DIR/d; scgi_temp_path DIR/e; server { %s }
		}`
	return webServer{
		program: "nginx",
		args:    []string{"-e", "DIR/log", "-c", "DIR/config"},
		config:  fmt.Sprintf(config, server),
	}
}

// nginxLocations are pages of a site, and paths that lead to a relay: /ws is configured correctly, the other paths
// have a fault each. RELAY is the relay's address.
const nginxLocations = `
	listen ADDRESS ssl; server_name www.example.test; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem;
	location /ws { proxy_pass http://RELAY; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host; }
	location /bare { proxy_pass http://RELAY; proxy_set_header Host $http_host; }
	location /hasty { proxy_pass http://RELAY; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host; proxy_read_timeout 2s; }
	location /nowhere { proxy_pass http://127.0.0.1:1; }
	location /moved { return 301 /ws; }
	location = / { default_type text/html; return 200 '<script src="/websocket-client.js"></script>
		<script>var x = {"url":"ws:\/\/www.example.test:8080"};</script><p id="realtime-event-log">'; }
	location /local/ { default_type text/html; return 200 '<script src="/websocket-client.js"></script>
		<script>var x = {"url":"ws:\/\/localhost:8080"};</script><p id="realtime-event-log">'; }
	location /good/ { default_type text/html; return 200 '<script src="/websocket-client.js"></script>
		<script>var x = {"url":"wss:\/\/www.example.test\/ws"};</script><p id="realtime-event-log">'; }
	location /plain/ { default_type text/html; return 200 'Hello'; }
	location /wp-content/realtime-events/ { default_type application/json; return 200 '{"timestamp":1,"status":"draft"}'; }
	location ~ ^/(local|good|plain)/wp-content/ { return 403; }`

// startNginx starts nginx with nginxLocations and TLS in front of a relay. It returns the environment in which a
// command reaches it as www.example.test: through an HTTP proxy, because no name server knows that name.
func startNginx(t *testing.T, relay string) (environment []string) {
	t.Helper()
	dir := t.TempDir()
	writeCertificate(t, dir, 1, "www.example.test", "other.example.test",
		"xn--bcher-kva.test", "www.xn--bcher-kva.test")
	server := nginx(strings.ReplaceAll(nginxLocations, "RELAY", relay))
	address := server.start(t, dir, func(address string) bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return []string{"HTTPS_PROXY=http://" + startProxy(t, address), "SSL_CERT_FILE=" + dir + "/cert.pem"}
}

// startProxy starts an HTTP proxy (CONNECT) that leads every host to one address.
func startProxy(t *testing.T, address string) string {
	t.Helper()
	proxy := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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
	go proxy.Serve(listener)
	t.Cleanup(func() { proxy.Close() })
	return listener.Addr().String()
}
