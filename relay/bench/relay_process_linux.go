package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxLog bounds what is kept of the relay's log, in bytes.
const maxLog = 16 << 10

// ownRelay is a relay that was started to be measured, as a process of its own.
type relayProcess struct {
	cmd     *exec.Cmd
	root    string // the directory that it watches
	file    string // the event file
	url     *url.URL
	log     strings.Builder // the begin of what it says; to be read once the log has been followed to its end
	logDone chan struct{}   // closed then
}

// startRelay starts a relay that takes events of the given size, and returns when browsers may connect. The caller
// stops it. It must be called by the thread that lives the longest: the relay does not outlive that.
func startRelay(ctx context.Context, size int) (*relayProcess, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp("", "wpre-relay-bench-")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "wp-content", "realtime-events")
	r := &relayProcess{root: root, file: filepath.Join(dir, "latest_event.json"), logDone: make(chan struct{})}
	r.cmd = exec.Command(program, "serve", "--watch", root, "--state-dir", filepath.Join(root, "state"),
		"--listen", "127.0.0.1:0", "--admin-listen", "off", "--log-format", "json", "--log-level", "info",
		"--drain", "0", "--max-event-size", strconv.Itoa(max(1<<20, size)))
	// In a group of its own, Ctrl-C does not end it before the clients.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stderr, err := r.cmd.StderrPipe()
	if err := errors.Join(err, os.MkdirAll(dir, 0o755)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	if err := r.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start a relay: %w", err), os.RemoveAll(root))
	}
	if r.url, err = r.followLog(ctx, stderr); err != nil {
		return nil, r.stop(err)
	}
	return r, nil
}

// follow reads the relay's log, to its end, and returns the address that it names.
func (r *relayProcess) followLog(ctx context.Context, log io.Reader) (*url.URL, error) {
	found := make(chan string, 1)
	go func() {
		defer close(r.logDone)
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			var line struct{ Msg, URL string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "browsers connect here" {
				found <- line.URL
			}
			if r.log.Len() < maxLog {
				r.log.WriteString(lines.Text() + "\n")
			}
		}
		io.Copy(io.Discard, log) // behind a line that is too long
	}()
	select {
	case address := <-found:
		return url.Parse(address)
	case <-r.logDone:
		return nil, errors.New("the relay to be measured does not start")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// stop ends the relay, and returns why the run failed, if it did, with what the relay said.
func (r *relayProcess) stop(failure error) error {
	r.cmd.Process.Signal(os.Interrupt)
	overdue := time.AfterFunc(10*time.Second, func() { r.cmd.Process.Kill() })
	<-r.logDone
	ended := r.cmd.Wait()
	overdue.Stop()
	if ended != nil {
		ended = fmt.Errorf("the relay that was measured: %w", ended)
	}
	err := errors.Join(failure, ended)
	if err != nil {
		err = fmt.Errorf("%w; the relay said:\n%s", err, r.log.String())
	}
	return errors.Join(err, os.RemoveAll(r.root))
}
