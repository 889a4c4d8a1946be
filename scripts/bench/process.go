package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 5 * time.Second // from SIGTERM to SIGKILL
)

// process is a running server, which may consist of several processes.
type process struct {
	site   site
	url    string
	pids   []string
	cancel func()
	exited sync.WaitGroup
	ended  chan struct{} // closed when the first process has exited
}

// start starts the server on this number of cores and returns when it accepts clients. The caller calls stop; the end
// of ctx also stops it.
func (s server) start(ctx context.Context, bin string, at site, cores int) (*process, error) {
	commands, err := s.commands(s.paths(bin), at)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(at.logFile())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	ctx, cancel := context.WithCancel(ctx)
	p := &process{
		site: at, url: cmp.Or(s.scheme, "ws") + "://127.0.0.1:" + at.port + "/", cancel: cancel,
		ended: make(chan struct{}),
	}
	var once sync.Once
	for _, args := range commands {
		cmd := command(ctx, onCores(args, 0, cores)...)
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			p.stop()
			return nil, err
		}
		p.pids = append(p.pids, strconv.Itoa(cmd.Process.Pid))
		p.exited.Go(func() {
			cmd.Wait() // the status does not matter: if the server exits too early, the result shows it
			once.Do(func() { close(p.ended) })
		})
	}
	if err := p.waitReady(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w: %s", err, at.lastLogLine())
	}
	return p, nil
}

// onCores returns args with a command before it that limits it to n cores from first on; n is 0 for all.
func onCores(args []string, first, n int) []string {
	if n == 0 {
		return args
	}
	return append([]string{"taskset", "-c", fmt.Sprintf("%d-%d", first, first+n-1)}, args...)
}

// command returns a command that gets SIGTERM when ctx ends, and SIGKILL after stopTimeout.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	return cmd
}

// stop stops all processes and waits until they have exited.
func (p *process) stop() {
	p.cancel()
	p.exited.Wait()
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
		case <-p.ended:
			return errors.New("the server exited before it accepted a client")
		case <-ctx.Done():
			return fmt.Errorf("the server does not accept a client: %w", err)
		}
	}
}

// probe connects one client and disconnects it.
func (p *process) probe(ctx context.Context) error {
	target := "http" + strings.TrimPrefix(p.url, "ws") // https for wss
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	request.Header = http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	transport := http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		return errors.New(response.Status)
	}
	return nil
}
