//go:build linux

package integration_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"wpre-relay/relay/testwait"
)

// startWithPipe starts a relay that logs into a pipe. It reads the pipe until the relay is ready, and returns it.
func startWithPipe(t *testing.T, cmd *exec.Cmd) (r *relay, log *os.File) {
	t.Helper()
	log, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	r = &relay{t: t, cmd: cmd, exited: make(chan struct{})}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.Close()
	go func() { cmd.Wait(); close(r.exited) }()
	t.Cleanup(r.kill)
	lines := bufio.NewScanner(log)
	for !strings.Contains(r.log.String(), `"listening"`) || !strings.Contains(r.log.String(), `"admin listening"`) {
		if !lines.Scan() {
			t.Fatalf("the log ends early: %v\n%s", lines.Err(), r.log.String())
		}
		r.log.Write(append(lines.Bytes(), '\n'))
	}
	r.address, r.admin = r.loggedHost("listening"), r.loggedHost("admin listening")
	return r, log
}

// expectWorking sends an event, logs lines until the metrics count a dropped one, and stops the relay.
func (r *relay) expectWorking(s *site) {
	r.t.Helper()
	conn := r.dial()
	s.write(1 << 20)
	expect(r.t, conn, document(1<<20))
	counted := testwait.Until(func() bool {
		r.signal(syscall.SIGHUP) // logs a line; a child of another test may hold the pipe open until it calls exec
		_, body := r.get("/metrics")
		_, count, found := strings.Cut(body, "\nwpre_relay_log_lines_dropped_total ")
		return found && !strings.HasPrefix(count, "0\n")
	})
	if !counted {
		r.t.Error("/metrics counts no dropped lines")
	}
	if status := r.stop(syscall.SIGTERM); status != 0 {
		r.t.Errorf("the exit status is %d", status)
	}
}

// TestRelaySurvivesClosedLog closes the reader of the log and provokes lines.
func TestRelaySurvivesClosedLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r, log := startWithPipe(t, relayCommand(t, "--watch", s.root, "--state-dir", s.state, "--log-level", "debug"))
	log.Close()
	conn := r.dial()
	for i := range 3 {
		s.write(i + 1)
		expect(t, conn, document(i+1))
	}
	r.expectWorking(s)
}

// TestBlockedLogDelaysNothing stops to read the log, and provokes more lines than the pipe and the relay keep.
func TestBlockedLogDelaysNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r, log := startWithPipe(t, relayCommand(t, "--watch", s.root, "--state-dir", s.state, "--log-level", "debug",
		"--publish-token", secret))
	const setPipeSize = 1031 // F_SETPIPE_SZ
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, log.Fd(), setPipeSize, 4096); errno != 0 {
		t.Fatal(errno)
	}
	for i := range 1200 {
		if status, body := r.publish("Bearer "+secret, document(i+1)); status != 200 {
			t.Fatalf("the response is %d %s", status, body)
		}
	}
	r.expectWorking(s)
}
