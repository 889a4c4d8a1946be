package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 5 * time.Second // from SIGTERM to SIGKILL
)

// server is a server to compare.
type server struct {
	name    string
	program string // below --bin
	command func(program string, at site) []string
}

var servers = []server{
	{"relay", "wpre-relay", func(program string, at site) []string {
		return []string{program, "--watch", at.file, "--listen", "127.0.0.1:" + at.port, "--admin-listen", "off",
			"--state-dir", filepath.Join(at.dir, "state"), "--log-level", "warn"}
	}},
	{"baseline", "baseline", runProgram},
	{"gws", "gws", runProgram},
	{"coder", "coder", runProgram},
	{"node", "node/fswatch.mjs", runScript},
	{"chokidar", "node/chokidar.mjs", runScript},
}

func runProgram(program string, at site) []string { return []string{program, at.port, at.file} }

func runScript(program string, at site) []string { return []string{"node", program, at.port, at.file} }

// built reports whether the server's program exists.
func (s server) built(bin string) bool {
	_, err := os.Stat(filepath.Join(bin, s.program))
	return err == nil
}

// site is the working directory, the event file and the port of one server.
type site struct {
	dir, file, port string
}

func newSite() (site, error) {
	dir, err := os.MkdirTemp("", "wpre-bench-")
	if err != nil {
		return site{}, err
	}
	s := site{dir: dir, file: filepath.Join(dir, "realtime-events", "latest_event.json")}
	s.port, err = freePort()
	if err := errors.Join(err, os.Mkdir(filepath.Dir(s.file), 0o755)); err != nil {
		return site{}, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s site) remove() error { return os.RemoveAll(s.dir) }

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

// process is a running server.
type process struct {
	site   site
	pid    int
	cancel func()
	exited chan struct{}
}

// start starts the server and returns when it accepts clients. The caller calls stop; the end of ctx also stops it.
func (s server) start(ctx context.Context, bin string, at site) (*process, error) {
	log, err := os.Create(at.logFile())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	ctx, cancel := context.WithCancel(ctx)
	cmd := command(ctx, s.command(filepath.Join(bin, s.program), at)...)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	p := &process{site: at, pid: cmd.Process.Pid, cancel: cancel, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		cmd.Wait() // the status does not matter: if the server exits too early, the result shows it
	}()
	if err := p.waitReady(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w: %s", err, at.lastLogLine())
	}
	return p, nil
}

// command returns a command that gets SIGTERM when ctx ends, and SIGKILL after stopTimeout.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	return cmd
}

// stop stops the process and waits until it has exited.
func (p *process) stop() {
	p.cancel()
	<-p.exited
}

// waitReady waits until the server accepts a client.
func (p *process) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := p.probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-p.exited:
			return errors.New("the server exited before it accepted a client")
		case <-ctx.Done():
			return fmt.Errorf("the server does not accept a client: %w", err)
		}
	}
}

// probe connects one client and disconnects it.
func (p *process) probe(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+p.site.port+"/", nil)
	if err != nil {
		return err
	}
	request.Header = http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		return errors.New(response.Status)
	}
	return nil
}

// logFile returns the path of the server's standard error.
func (s site) logFile() string { return filepath.Join(s.dir, "stderr") }

// lastLogLine returns the last message that the server logged, or "".
func (s site) lastLogLine() string {
	log, _ := os.ReadFile(s.logFile())
	return lastMessage(string(log))
}

// lastMessage returns the last error message of wpre-relay in a log, or the last line if there is none.
func lastMessage(log string) string {
	log = strings.TrimSpace(log)
	start := strings.LastIndex(log, "wpre-relay: ")
	if start < 0 {
		start = strings.LastIndex(log, "\n") + 1
	}
	return strings.Join(strings.Fields(log[start:]), " ")
}
