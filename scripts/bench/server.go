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

// server is a program that is compared.
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
	{"baseline", "baseline", direct},
	{"gws", "gws", direct},
	{"coder", "coder", direct},
	{"node", "node/fswatch.mjs", script},
	{"chokidar", "node/chokidar.mjs", script},
}

func direct(program string, at site) []string { return []string{program, at.port, at.file} }

func script(program string, at site) []string { return []string{"node", program, at.port, at.file} }

// built reports whether the server's program is there.
func (s server) built(bin string) bool {
	_, err := os.Stat(filepath.Join(bin, s.program))
	return err == nil
}

// site is where a server works: a directory of its own and a free port.
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

// process is a server that runs.
type process struct {
	site   site
	pid    int
	cancel func()
	exited chan struct{}
}

// start starts the server and returns once it answers. The end of ctx ends it as stop does.
func (s server) start(ctx context.Context, bin string, at site) (*process, error) {
	log, err := os.Create(at.log())
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
		cmd.Wait() // how it ends does not matter: if that is too early, what is measured shows it
	}()
	if err := p.awaitReady(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w: %s", err, at.complaint())
	}
	return p, nil
}

// command is one that the end of ctx ends, kindly at first.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	return cmd
}

// stop ends the process and waits until it is gone.
func (p *process) stop() {
	p.cancel()
	<-p.exited
}

// awaitReady waits until the server admits a client.
func (p *process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := p.knock(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-p.exited:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		}
	}
}

// knock connects one client, and goes away.
func (p *process) knock(ctx context.Context) error {
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

// log is the file for what the server says.
func (s site) log() string { return filepath.Join(s.dir, "stderr") }

// complaint returns what the server said last, or nothing.
func (s site) complaint() string {
	said, _ := os.ReadFile(s.log())
	return complaint(string(said))
}

// complaint returns the end of what a program said: from where it named itself, or the last line.
func complaint(said string) string {
	said = strings.TrimSpace(said)
	start := strings.LastIndex(said, "wpre-relay: ")
	if start < 0 {
		start = strings.LastIndex(said, "\n") + 1
	}
	return strings.Join(strings.Fields(said[start:]), " ")
}
