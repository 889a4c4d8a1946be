//go:build linux

package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 30 * time.Second

// fromRoot returns the path of a file of the repository, which is given relative to the repository's root.
func fromRoot(path string) string {
	return filepath.Join("..", "..", path)
}

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
	args := []string{"build", "-o", path, fromRoot(".")}
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
