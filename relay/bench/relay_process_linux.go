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

// maxLog bounds the bytes that are kept of the relay's log. An error message quotes them.
const maxLog = 16 << 10

// relayProcess is a relay that bench runs and measures as a separate process.
type relayProcess struct {
	cmd     *exec.Cmd
	root    string // the directory that it watches
	file    string // the event file
	url     *url.URL
	log     strings.Builder // the start of the log; may be read after logDone is closed
	logDone chan struct{}   // closed when the log has been read to its end
}

// startRelay starts a relay that accepts events of this size, and returns when it accepts clients. The caller stops
// it. The relay is killed when the calling thread exits, so the caller must have locked its goroutine to a thread.
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
	// In its own process group, the relay is not stopped by Ctrl-C before the clients.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stderr, err := r.cmd.StderrPipe()
	if err := errors.Join(err, os.MkdirAll(dir, 0o755)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	if err := r.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start relay: %w", err), os.RemoveAll(root))
	}
	if r.url, err = r.followLog(ctx, stderr); err != nil {
		return nil, r.stop(err)
	}
	return r, nil
}

// followLog reads the relay's log to its end in the background. It returns the address that the log reports.
func (r *relayProcess) followLog(ctx context.Context, log io.Reader) (*url.URL, error) {
	found := make(chan string, 1)
	go func() {
		defer close(r.logDone)
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			var line struct{ Msg, URL string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				found <- line.URL
			}
			if r.log.Len() < maxLog {
				r.log.WriteString(lines.Text() + "\n")
			}
		}
		io.Copy(io.Discard, log) // the scanner stops at a line that is too long
	}()
	select {
	case address := <-found:
		return url.Parse(address)
	case <-r.logDone:
		return nil, errors.New("start relay: it exited before it accepted clients")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// stop stops the relay and removes its directory. It returns failure and the errors of the relay, with the relay's
// log.
func (r *relayProcess) stop(failure error) error {
	r.cmd.Process.Signal(os.Interrupt)
	kill := time.AfterFunc(10*time.Second, func() { r.cmd.Process.Kill() })
	<-r.logDone
	exit := r.cmd.Wait()
	kill.Stop()
	if exit != nil {
		exit = fmt.Errorf("stop relay: %w", exit)
	}
	err := errors.Join(failure, exit)
	if err != nil {
		err = fmt.Errorf("%w; log of the relay:\n%s", err, r.log.String())
	}
	return errors.Join(err, os.RemoveAll(r.root))
}
