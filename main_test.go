//go:build linux

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"wpre-relay/relay/sharedlog/enginetest"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 30 * time.Second

// program builds the program once and returns its path.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "wpre-relay-test-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "wpre-relay")
	args := []string{"build", "-o", path, "."}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = slices.Insert(args, 1, "-race")
	}
	output, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if file := os.Getenv(floorVariable); file != "" {
		if err := runFloor(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if order := os.Getenv(resumeVariable); order != "" {
		if err := runResume(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if order := os.Getenv(floodVariable); order != "" {
		if err := runFlood(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// command returns a call of the program, in an environment without settings of ours.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "WPRE_RELAY_") && !strings.HasPrefix(variable, "STATE_DIRECTORY=") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

// output runs the program to its end and returns what it said and its exit status.
func output(t testing.TB, cmd *exec.Cmd) (text string, status int) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ended := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	case <-time.After(patience):
		cmd.Process.Kill()
		t.Fatalf("%v does not end:\n%s", cmd.Args, out.String())
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// site is a folder that stands in for WordPress, and the state of its relay.
type site struct {
	t     testing.TB
	root  string
	file  string
	state string
}

func newSite(t testing.TB) *site {
	t.Helper()
	root := t.TempDir()
	s := &site{
		t:     t,
		root:  root,
		file:  filepath.Join(root, "wp-content", "realtime-events", "latest_event.json"),
		state: filepath.Join(root, "state"),
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func document(n int) string { return fmt.Sprintf(`{"timestamp":%d,"type":"post_saved"}`, n) }

// write writes event n as PHP does.
func (s *site) write(n int) {
	s.t.Helper()
	err := errors.Join(os.WriteFile(s.file, []byte(document(n)), 0o644), os.Chmod(s.file, 0o644))
	if err != nil {
		s.t.Fatal(err)
	}
}

// process is a relay that runs.
type process struct {
	t       testing.TB
	cmd     *exec.Cmd
	address string // of the public listener
	admin   string
	log     lockedBuffer
	ended   chan struct{}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start starts a relay for the site and waits until it is ready.
func (s *site) start(args ...string) *process {
	s.t.Helper()
	cmd := command(s.t, append([]string{"--watch", s.root, "--state-dir", s.state, "--listen", "127.0.0.1:0",
		"--admin-listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "debug"}, args...)...)
	return launch(s.t, cmd)
}

// launch runs a relay and waits until it is ready.
func launch(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := spawn(t, cmd)
	p.address = strings.Trim(p.logged("browsers connect here", "url"), "ws:/")
	p.admin = strings.Trim(p.logged("operators look here", "url"), "htp:/")
	return p
}

// spawn runs a relay.
func spawn(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.ended
		if strings.Contains(p.log.String(), "DATA RACE") || strings.Contains(p.log.String(), "panic:") {
			t.Errorf("the relay's log:\n%s", p.log.String())
		}
	})
	return p
}

// logged waits for a line of the log and returns one of its attributes.
func (p *process) logged(message, attribute string) string {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		lines := bufio.NewScanner(strings.NewReader(p.log.String()))
		for lines.Scan() {
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == message {
				return fmt.Sprint(line[attribute])
			}
		}
		select {
		case <-p.ended:
			p.t.Fatalf("the relay has ended; its log:\n%s", p.log.String())
		default:
		}
	}
	p.t.Fatalf("no %q in the log:\n%s", message, p.log.String())
	return ""
}

// stop sends the signal, waits for the end and returns the exit status.
func (p *process) stop(signal os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("the relay does not end; its log:\n%s", p.log.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) dial() *websocket.Conn {
	p.t.Helper()
	conn, _, err := websocket.Dial(p.t.Context(), "ws://"+p.address, nil)
	if err != nil {
		p.t.Fatalf("%v; the relay's log:\n%s", err, p.log.String())
	}
	p.t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// expect reads until want comes; before it only one of others may.
func expect(t testing.TB, conn *websocket.Conn, want string, others ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, got, err := conn.Read(ctx)
		switch {
		case err != nil || string(got) != want && !slices.Contains(others, string(got)):
			t.Fatalf("got %q, %v, want %q", got, err, want)
		case string(got) == want:
			return
		}
	}
}

func TestWhatChangedWhileTheRelayWasDownIsSentOnce(t *testing.T) {
	s := newSite(t)
	s.write(1)
	first := s.start()
	conn := first.dial()
	expect(t, conn, document(1)) // the first start relays what is there
	conn.CloseNow()
	if status := first.stop(syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}
	s.write(2)
	second := s.start()
	conn = second.dial()
	expect(t, conn, document(2))
	second.stop(syscall.SIGKILL)
	third := s.start()
	conn = third.dial()
	s.write(3)
	expect(t, conn, document(3)) // and not 2 again
}

func TestAPageThatComesLateGetsNothingOld(t *testing.T) {
	s := newSite(t)
	s.write(1)
	p := s.start("--catch-up", "0")
	conn := p.dial()
	s.write(2)
	expect(t, conn, document(2))
}

// TestNothingIsSentTwiceHoweverTheRelayDies kills the relay at random moments under a stream of writes. What the
// journals of all runs hold is in order and without repetition, and the numbers have no gap.
func TestNothingIsSentTwiceHoweverTheRelayDies(t *testing.T) {
	s := newSite(t)
	const kills = 25
	last := 0
	for range kills {
		p := s.start()
		deadline := time.Now().Add(time.Duration(rand.IntN(30)) * time.Millisecond)
		for time.Now().Before(deadline) {
			last++
			s.write(last)
		}
		p.stop(syscall.SIGKILL)
	}
	p := s.start()
	conn := p.dial()
	last++
	s.write(last)
	expect(t, conn, document(last), document(last-1)) // the one before may be found at the start
	conn.CloseNow()
	p.stop(syscall.SIGTERM)

	var event int
	for _, next := range s.journal() {
		if next <= event {
			t.Fatalf("event %d comes behind event %d", next, event)
		}
		event = next
	}
	if event != last {
		t.Errorf("the last record holds event %d, want %d", event, last)
	}
}

// journal returns the events in the journals of all runs, and wants their numbers to have no gap.
func (s *site) journal() (events []int) {
	s.t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.state, "*", "journal*.ndjson"))
	if err != nil || len(paths) != 1 {
		s.t.Fatalf("journals: %v, %v", paths, err)
	}
	content, err := os.ReadFile(paths[0])
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		var record struct {
			ID    string
			Event struct{ Timestamp int }
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			s.t.Fatalf("%v in %q", err, line)
		}
		events = append(events, record.Event.Timestamp)
		if !strings.HasSuffix(record.ID, fmt.Sprintf("-%d", len(events))) {
			s.t.Fatalf("record %s comes as the %d.", record.ID, len(events))
		}
	}
	return events
}

func TestSignalsTellClientsWhy(t *testing.T) {
	for signal, want := range map[os.Signal]websocket.StatusCode{
		os.Interrupt:    websocket.StatusGoingAway,
		syscall.SIGTERM: websocket.StatusServiceRestart,
	} {
		s := newSite(t)
		p := s.start()
		conn := p.dial()
		s.write(1)
		expect(t, conn, document(1))
		closed := make(chan error, 1)
		go func() {
			_, _, err := conn.Read(context.Background())
			closed <- err
		}()
		if status := p.stop(signal); status != 0 {
			t.Errorf("%v: exit status %d", signal, status)
		}
		if err := <-closed; websocket.CloseStatus(err) != want {
			t.Errorf("%v: closed with %v, want %v", signal, err, want)
		}
	}
}

func TestASecondRelayOnTheSameFileRefuses(t *testing.T) {
	s := newSite(t)
	p := s.start()
	text, status := output(t, command(t, "--watch", s.file, "--state-dir", s.state, "--listen", "127.0.0.1:0", "--admin-listen", "off"))
	if status != 1 || !strings.Contains(text, "in use by another wpre-relay") || !strings.Contains(text, fmt.Sprint(p.cmd.Process.Pid)) {
		t.Errorf("exit status %d:\n%s", status, text)
	}
}

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
		{args: []string{"--watch", "x", "--config", file}, status: 2, want: `"listn", which is no setting; did you mean "listen"?`},
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
		{args: []string{"bench", "--url", "wss://example.com/"}, status: 2, want: "speaks no TLS"},
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

func TestTheFirstLogSaysWhatAndHowAndWhere(t *testing.T) {
	s := newSite(t)
	p := s.start()
	if got := p.logged("watching", "file"); got != s.file {
		t.Errorf("watching %s, want %s", got, s.file)
	}
	if got := p.logged("watching", "mode"); got != "inotify" && got != "polling" {
		t.Errorf("mode %s", got)
	}
	if got := p.logged("remembering what was sent", "state"); !strings.HasPrefix(got, s.state) {
		t.Errorf("state in %s, want it below %s", got, s.state)
	}
}

func TestHealthcheckAndTail(t *testing.T) {
	s := newSite(t)
	p := s.start()
	if text, status := output(t, command(t, "healthcheck", "--listen", p.address)); status != 0 {
		t.Errorf("healthcheck: exit status %d:\n%s", status, text)
	}
	tail := command(t, "tail", p.address)
	lines, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	s.write(1) // before or after tail connects: it gets it once
	reader := bufio.NewReader(lines)
	read := func() string {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
	for n := 2; ; n++ { // until tail is there
		if p.status().Server.Clients == 1 {
			s.write(n)
			for got := read(); got != document(n); got = read() {
			}
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := tail.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(reader); err != nil {
		t.Fatal(err)
	}
	if err := tail.Wait(); err != nil {
		t.Errorf("tail: %v", err)
	}
}

// TestTailGoesOnWhereItWas kills the relay under it, and writes while nobody listens.
func TestTailGoesOnWhereItWas(t *testing.T) {
	s := newSite(t)
	s.write(1)
	p := s.start()
	tail := command(t, "tail", "--last", "1", p.address)
	lines, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tail.Process.Kill(); tail.Wait() })
	reader := bufio.NewReader(lines)
	for n := 1; n <= 4; n++ {
		if n > 1 {
			p.stop(os.Kill)
			s.write(n)
			p = s.start("--listen", p.address)
		}
		if got, err := reader.ReadString('\n'); err != nil || strings.TrimSpace(got) != document(n) {
			t.Fatalf("tail prints %q, %v, want %s", got, err, document(n))
		}
	}
}

// TestThePluginsPageIsServedAcrossARestart has pages of one browser that know nothing but their cookie.
func TestThePluginsPageIsServedAcrossARestart(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"graceful": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			p := s.start("--resume-cookie")
			first, cookie := page(t, p, "")
			second, _ := page(t, p, cookie)
			s.write(1)
			tabs := []*websocket.Conn{first, second}
			for _, tab := range tabs {
				expect(t, tab, document(1))
				tab.CloseRead(t.Context()) // answers the close frame
			}
			p.stop(signal)
			s.write(2)
			p = s.start("--resume-cookie", "--listen", p.address)
			s.write(3)
			for range tabs {
				tab, again := page(t, p, cookie)
				if again != cookie {
					t.Errorf("the browser with %s is called %s", cookie, again)
				}
				expect(t, tab, document(2))
				expect(t, tab, document(3))
			}
		})
	}
}

// page connects as the plugin's page does, whose browser has a cookie, and returns which it has then.
func page(t *testing.T, p *process, cookie string) (*websocket.Conn, string) {
	t.Helper()
	options := &websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {cookie}}}
	conn, response, err := websocket.Dial(t.Context(), "ws://"+p.address, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	for _, set := range response.Cookies() {
		cookie = set.Name + "=" + set.Value
	}
	return conn, cookie
}

func TestNothingLeaksWhenClientsComeAndGo(t *testing.T) {
	s := newSite(t)
	p := s.start()
	before := p.descriptors()
	for n := range 300 {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+p.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			conn.CloseNow()
		} else {
			conn.Close(websocket.StatusNormalClosure, "")
		}
	}
	for deadline := time.Now().Add(patience); p.status().Server.Clients > 0 || p.descriptors() > before+2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d clients and %d descriptors are left, before there were %d", p.status().Server.Clients, p.descriptors(), before)
		}
	}
}

// TestPermissionDeniedThenGranted runs the relay as nobody, since root may read everything.
func TestPermissionDeniedThenGranted(t *testing.T) {
	s := newSite(t)
	cmd := command(t, "--watch", s.root, "--state-dir", s.state, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json")
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		for dir := s.root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.Mkdir(s.state, 0o700), os.Chown(s.state, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
	}
	s.write(1)
	if err := os.Chmod(s.file, 0); err != nil {
		t.Fatal(err)
	}
	p := launch(t, cmd)
	p.logged("the event file cannot be read; run the relay as a user who may, or mend its mode", "uid")
	conn := p.dial()
	if err := os.Chmod(s.file, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, document(1))
}

func TestTheDemoShowsEvents(t *testing.T) {
	text, status := output(t, command(t, "demo", "--listen", enginetest.FreePort(t), "--page-listen", "127.0.0.1:0", "--every", "1ms", "--count", "20"))
	if got := len(regexp.MustCompile(`(?m)^after +[0-9.]+ ms  \{"timestamp":`).FindAllString(text, -1)); status != 0 || got != 20 {
		t.Errorf("exit status %d, %d events:\n%s", status, got, text)
	}
}

// measured is what bench --json prints, as far as it is tested here.
type measured struct {
	Connected   int
	Deliveries  int
	Lost        *int
	Repeated    *int
	CPU         *float64                    `json:"cpu_per_delivery_us"`
	ClientBytes struct{ Idle, Peak *int64 } `json:"client_bytes"`
}

// benchmark runs the program's bench and returns what it found out.
func benchmark(t *testing.T, args ...string) (m measured) {
	t.Helper()
	cmd := command(t, append([]string{"bench", "--json", "--settle", "0", "--every", "1ms"}, args...)...)
	var progress bytes.Buffer
	cmd.Stderr = &progress
	out, err := cmd.Output()
	if err := errors.Join(err, json.Unmarshal(out, &m)); err != nil {
		t.Fatalf("%v\n%s%s", err, out, progress.String())
	}
	return m
}

func TestBenchMeasuresARelayOfItsOwn(t *testing.T) {
	m := benchmark(t, "--clients", "50", "--events", "20")
	if m.Connected != 50 || m.Deliveries != 50*20 || *m.Lost != 0 || *m.Repeated != 0 || *m.CPU <= 0 || m.ClientBytes.Peak == nil {
		t.Errorf("got %+v", m)
	}
}

func TestBenchMeasuresAnyServer(t *testing.T) {
	s := newSite(t)
	s.write(1_000_000_000)
	p := s.start() // whose clients get this first, which is none of bench's events
	m := benchmark(t, "--clients", "20", "--events", "10", "--size", "200KiB", "--url", "ws://"+p.address+"/x", "--write", s.file)
	if m.Deliveries != 20*10 || *m.Lost != 0 || *m.Repeated != 0 || m.CPU != nil {
		t.Errorf("without --pid: got %+v", m)
	}
	m = benchmark(t, "--clients", "20", "--events", "10", "--url", "ws://"+p.address, "--write", s.file, "--pid", fmt.Sprint(p.cmd.Process.Pid))
	if m.Deliveries != 20*10 || *m.Lost != 0 || *m.Repeated != 0 || *m.CPU <= 0 {
		t.Errorf("with --pid: got %+v", m)
	}
}

// TestBenchEndsWithATableWhenInterrupted interrupts it when it says that events are under way.
func TestBenchEndsWithATableWhenInterrupted(t *testing.T) {
	cmd := command(t, "bench", "--clients", "10", "--events", "1000000", "--every", "1ms", "--settle", "0")
	var table bytes.Buffer
	cmd.Stdout = &table
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	said, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || !strings.Contains(said, "10 clients, event ") {
		t.Errorf("got %q, %v", said, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(stderr)
	if err := cmd.Wait(); err != nil || !strings.Contains(table.String(), ", 0 lost, 0 repeated") {
		t.Errorf("%v\n%s%s", err, rest, table.String())
	}
}

func TestTheREADMEShowsTheHelp(t *testing.T) {
	readme, err := os.ReadFile("README.md")
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

// TestImportsFollowTheFlow holds the architecture: which of our packages may import which.
func TestImportsFollowTheFlow(t *testing.T) {
	allowed := map[string][]string{
		"schema":  {},
		"watcher": {},
		"relay":   {"schema", "relay/eventlog", "relay/security/filter"},
		"relay/server": {"schema", "relay/client", "relay/eventlog", "relay/fanout", "relay/listener", "relay/security/access",
			"relay/security/clientaddr", "relay/security/filter", "relay/security/origin", "relay/throttle"},
		"relay/listener": {"relay/throttle"},
		"relay/app": {"relay", "relay/admin", "relay/listener", "relay/server", "relay/sharedlog/broker", "relay/cli", "relay/eventlog", "relay/security", "relay/security/origin", "relay/sharedlog",
			"relay/systemd", "relay/webhook"},
		"relay/security/access":      {"relay/security/filter", "relay/throttle", "relay/security/token"},
		"relay/check":                {"relay/security/origin", "schema"},
		"relay/admin":                {"relay", "relay/server", "relay/eventlog", "relay/sharedlog"},
		"relay/webhook":              {"relay/throttle"},
		"relay/sharedlog":            {"relay/eventlog", "schema"},
		"relay/sharedlog/enginetest": {"relay/sharedlog"},
		"relay/sharedlog/broker":     {"relay/sharedlog/redislog", "relay/sharedlog/natslog", "relay/sharedlog/kafkalog", "relay/sharedlog/amqplog", "relay/sharedlog"},
		"relay/sharedlog/redislog":   {"relay/eventlog", "relay/sharedlog"},
		"relay/sharedlog/natslog":    {"relay/sharedlog"},
		"relay/sharedlog/kafkalog":   {"relay/sharedlog"},
		"relay/sharedlog/amqplog":    {"relay/eventlog", "relay/sharedlog"},
		"relay/listener/certificate": {"relay/watchedfile"},
		"relay/eventlog":             {"schema"},
		"relay/security/filter":      {"schema", "relay/eventlog", "relay/throttle"},
		"relay/security/clientaddr":  {},
		"relay/security":             {"relay/listener", "relay/security/access", "relay/listener/certificate", "relay/cli", "relay/security/filter", "relay/security/clientaddr", "relay/security/token"},
		"relay/watchedfile":          {},
		"relay/security/origin":      {},
		"relay/client":               {},
		"relay/fanout":               {"relay/eventlog", "schema"},
		"relay/fanout/fanouttest":    {},
		"relay/throttle":             {},
		"relay/security/token":       {"relay/watchedfile"},
		"relay/cli":                  {"relay/sharedlog/broker", "relay/security/filter", "relay/security/clientaddr", "relay/security/origin"},
		"relay/demo":                 {},
		"relay/systemd":              {},
		"relay/tail":                 {},
		"relay/verb":                 {"relay/listener", "relay/bench", "relay/check", "relay/cli", "relay/demo", "relay/security", "relay/security/origin"},

		"relay/bench":       {"relay/bench/tally", "relay/bench/wire"},
		"relay/bench/tally": {},
		"relay/bench/wire":  {},
	}
	listing, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(listing)) {
		imports := strings.Fields(line)
		name, ok := strings.CutPrefix(imports[0], "wpre-relay/")
		if !ok || strings.HasPrefix(name, "scripts/") {
			continue
		}
		rule, known := allowed[name]
		if !known {
			t.Errorf("package %s has no rule", name)
		}
		for _, path := range imports[1:] {
			if ours, ok := strings.CutPrefix(path, "wpre-relay/"); ok && !slices.Contains(rule, ours) {
				t.Errorf("package %s must not import %s", name, ours)
			}
			if name == "schema" && slices.Contains([]string{"os", "io", "net", "log/slog"}, path) {
				t.Errorf("package schema imports %s: it does no I/O", path)
			}
		}
	}
}

// TestSchemaReadsNoClock holds what package schema says of itself: of package time it may use the types alone.
func TestSchemaReadsNoClock(t *testing.T) {
	files, err := filepath.Glob("schema/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of package schema: %v", err)
	}
	clock := regexp.MustCompile(`\btime\.(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)\b`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if use := clock.Find(source); use != nil && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s uses %s", file, use)
		}
	}
}
