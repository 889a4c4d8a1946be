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
	"time"

	"github.com/redis/go-redis/v9"

	"wpre-relay/relay/sharedlog/enginetest"
)

// manager stands in for systemd: it takes what services tell it.
type manager struct {
	t      *testing.T
	socket *net.UnixConn
	path   string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, path: filepath.Join(t.TempDir(), "notify")}
	var err error
	if m.socket, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.socket.Close() })
	return m
}

// told waits for the message.
func (m *manager) told(want string) {
	m.t.Helper()
	m.socket.SetReadDeadline(time.Now().Add(patience))
	for buf := make([]byte, 4096); ; {
		n, err := m.socket.Read(buf)
		if err != nil {
			m.t.Fatalf("never told %s: %v", want, err)
		}
		if string(buf[:n]) == want {
			return
		}
	}
}

func TestTheServiceManagerIsTold(t *testing.T) {
	m := newManager(t)
	s := newSite(t)
	cmd := command(t, "--watch", s.root, "--state-dir", s.state, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=3000000")
	p := launch(t, cmd)
	m.told("READY=1")
	m.told("WATCHDOG=1")
	m.told("WATCHDOG=1")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.told("STOPPING=1")
}

// activate runs a relay on sockets that systemd's own tool opens, with more variables.
func activate(t *testing.T, variables []string, args ...string) *process {
	t.Helper()
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED: no systemd-socket-activate")
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	public, operators := enginetest.FreePort(t), enginetest.FreePort(t)
	arguments := []string{"-l", public, "-l", operators, "--fdname=public:admin"}
	for _, variable := range variables {
		arguments = append(arguments, "-E", variable)
	}
	p := spawn(t, exec.Command(tool, append(append(arguments, path, "--log-format=json"), args...)...))
	p.address, p.admin = public, operators
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		response, err := http.Get("http://" + operators + "/livez") // the tool runs the relay once somebody comes
		if err == nil {
			response.Body.Close()
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, p.log.String())
		}
	}
}

// TestSocketsComeFromTheServiceManager has systemd's own tool open them.
func TestSocketsComeFromTheServiceManager(t *testing.T) {
	s := newSite(t)
	p := activate(t, nil, "--watch", s.root, "--state-dir", s.state)
	p.until("/readyz", "ok")
	conn := p.dial()
	s.write(1)
	expect(t, conn, document(1))
}

// TestTheServiceManagerLetsARelayWait starts one whose broker is away, and then deletes the stream that it shares: neither is a
// reason to stop it, and it keeps the sockets.
func TestTheServiceManagerLetsARelayWait(t *testing.T) {
	server := enginetest.Redis(t)
	server.Kill()
	m := newManager(t)
	s := newSite(t)
	p := activate(t, []string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=3000000"},
		"--watch", s.root, "--state-dir", s.state, "--broker", "redis://"+server.Address)
	m.told("READY=1")
	p.until("/readyz", "the broker is away")
	m.told("WATCHDOG=1")
	m.told("WATCHDOG=1")

	server.Start()
	p.until("/readyz", "ok\n")
	client := redis.NewClient(&redis.Options{Addr: server.Address})
	defer client.Close()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	p.logged("the shared history is another one: all clients begin anew, and are told of a gap", "error")
	p.until("/readyz", "ok\n")
	conn := p.dial()
	s.write(1)
	expect(t, conn, document(1))
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.told("STOPPING=1")
	<-p.ended
	m.socket.SetReadDeadline(time.Now())
	for buf := make([]byte, 4096); ; {
		n, err := m.socket.Read(buf)
		if err != nil {
			break
		}
		if string(buf[:n]) != "WATCHDOG=1" {
			t.Errorf("after STOPPING=1 it tells the manager %s", buf[:n])
		}
	}
}

func (p *process) ask(path string) (status int, body string) {
	p.t.Helper()
	response, err := http.Get("http://" + p.admin + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// until asks until the answer holds want.
func (p *process) until(path, want string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		_, body := p.ask(path)
		if strings.Contains(body, want) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s never answers %q:\n%s", path, want, body)
		}
	}
}

// TestReadinessFollowsTheWatch takes away what the event file would be made in, and gives it back.
func TestReadinessFollowsTheWatch(t *testing.T) {
	s := newSite(t)
	p := s.start()
	p.until("/readyz", "ok")
	content := filepath.Join(s.root, "wp-content")
	if err := os.Rename(content, content+".away"); err != nil {
		t.Fatal(err)
	}
	p.until("/readyz", "the watch is lost: found neither the event file nor a directory to create it in")
	if status, _ := p.ask("/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d", status)
	}
	if err := os.Rename(content+".away", content); err != nil {
		t.Fatal(err)
	}
	p.until("/readyz", "ok")
}

// TestADrainingRelayIsNotReady asks while clients are still being closed.
func TestADrainingRelayIsNotReady(t *testing.T) {
	s := newSite(t)
	p := s.start("--drain", "20s")
	for range 3 {
		p.dial() // it does not answer the close frame at once
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.until("/readyz", "the relay is stopping")
}

func TestMetricsTellOfDeliveriesAndEnds(t *testing.T) {
	s := newSite(t)
	p := s.start()
	conn := p.dial()
	events := 0
	for timed := false; !timed; { // what comes while a client catches up is not
		events++
		s.write(events)
		expect(t, conn, document(events))
		_, metrics := p.ask("/metrics")
		timed = !strings.Contains(metrics, "wpre_relay_delivery_seconds_count 0\n")
		if !timed && events == 1000 {
			t.Fatalf("after %d events no delivery was timed:\n%s", events, metrics)
		}
	}
	conn.Close(4001, "")
	p.until("/metrics", `wpre_relay_closes_total{code="4001"} 1`)
	p.until("/metrics", fmt.Sprintf(`wpre_relay_events_total{decision="relayed"} %d`, events))
	p.until("/metrics", fmt.Sprintf(`wpre_relay_messages_sent_total %d`, events))
	conn = p.dial()
	conn.CloseNow()
	p.until("/metrics", `wpre_relay_closes_total{code="1006"} 1`)
}

// TestTheLevelOfTheLogIsReadAgain changes it in the configuration file.
func TestTheLevelOfTheLogIsReadAgain(t *testing.T) {
	s := newSite(t)
	config := filepath.Join(s.root, "relay.yaml")
	set := func(level string) {
		if err := os.WriteFile(config, []byte("log-level: "+level+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("info")
	p := launch(t, command(t, "--config", config, "--watch", s.root, "--state-dir", s.state, "--listen", "127.0.0.1:0",
		"--admin-listen", "127.0.0.1:0", "--log-format", "json"))
	conn := p.dial()
	s.write(1)
	expect(t, conn, document(1))
	if strings.Contains(p.log.String(), "change decided") {
		t.Error("at info, decisions are logged")
	}
	for _, level := range []string{"nonsense", "debug"} {
		set(level)
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if level == "nonsense" {
			p.logged("reload failed, keeping the log level", "error")
		}
	}
	p.logged("reloaded keys, certificates and log level", "level")
	s.write(2)
	p.logged("change decided", "decision")
}

// TestConfigTellsWhereSettingsComeFrom, and what it prints is a configuration file that says the same.
func TestConfigTellsWhereSettingsComeFrom(t *testing.T) {
	dir := t.TempDir()
	config, welcome := filepath.Join(dir, "relay.yaml"), filepath.Join(dir, "welcome")
	for path, content := range map[string]string{config: "history: 7\nallow-origin: [https://*.b.example:8443]\nwelcome: no\n", welcome: "it's: \"#1\"\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command(t, "config", "--config", config, "--watch", "/wp", "--auth-url", "https://me:secret@example.com/")
	cmd.Env = append(cmd.Env, "WPRE_RELAY_DRAIN=1m30s", "WPRE_RELAY_WELCOME_FILE="+welcome)
	text, status := output(t, cmd)
	for _, want := range []string{
		"watch: /wp # --watch", "history: 7 # " + config, "allow-origin: ['https://*.b.example:8443'] # " + config,
		"drain: 1m30s # WPRE_RELAY_DRAIN", `welcome: 'it''s: "#1"' # WPRE_RELAY_WELCOME`, "max-event-size: 1MiB # default",
		"log-level: info # default", "require-origin: false # default",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("no %q", want)
		}
	}
	if status != 0 || strings.Contains(text, "secret") {
		t.Errorf("exit status %d", status)
	}
	if t.Failed() {
		t.Log(text)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	again, status := output(t, command(t, "config", "--config", config))
	if got, want := values(again), values(text); status != 0 || got != want {
		t.Errorf("exit status %d; as a file it says\n%s\nnot\n%s", status, again, text)
	}
	if text, status := output(t, command(t, "config")); status != 2 || !strings.Contains(text, "--watch is missing") || !strings.Contains(text, "history: 10000") {
		t.Errorf("without --watch: exit status %d:\n%s", status, text)
	}
}

// values returns a printed configuration without where it comes from.
func values(text string) string {
	var values []string
	for line := range strings.Lines(text) {
		value, _, _ := strings.Cut(line, "  # ")
		values = append(values, strings.TrimSpace(value))
	}
	return strings.Join(values, "\n")
}

// TestCompletionInBash asks a real bash.
func TestCompletionInBash(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"wpre-relay he":                       "healthcheck",
		"wpre-relay --max-clients-p":          "--max-clients-per-ip",
		"wpre-relay serve --log-format j":     "json",
		"wpre-relay bench --cl":               "--clients",
		"wpre-relay completion b":             "bash",
		"wpre-relay --config=" + path[:8]:     "",
		"wpre-relay --log-level = d":          "debug",
		"wpre-relay --watch /etc/host":        "/etc/hosts",
		"wpre-relay --tls-cert --watch nosuc": "",
	} {
		words := strings.Fields(line)
		script := fmt.Sprintf(`source <(%q completion bash); COMP_WORDS=(%s); COMP_CWORD=%d; _wpre_relay; printf '%%s\n' "${COMPREPLY[@]}"`,
			path, line, len(words)-1)
		output, err := exec.Command("bash", "-c", script).CombinedOutput()
		if got := strings.Fields(string(output)); err != nil || want != "" && !strings.Contains(" "+strings.Join(got, " ")+" ", " "+want+" ") {
			t.Errorf("%s: %q, %v, want %s", line, output, err, want)
		}
	}
}
