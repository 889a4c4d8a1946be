//go:build linux

package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wpre-relay/relay/admin"
	"wpre-relay/relay/testwait"
)

// relay is a running relay process.
type relay struct {
	t       testing.TB
	cmd     *exec.Cmd
	address string // host and port of --listen
	admin   string // host and port of --admin-listen
	log     syncBuffer
	exited  chan struct{} // closed when the process has exited and its log is complete
}

// syncBuffer collects the output of a process while the test reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// relayCommand returns a call of a relay that listens at free ports and logs JSON. Flags in args replace these.
func relayCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	usual := []string{"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"}
	return command(t, append(usual, args...)...)
}

// start starts a relay and waits until it is ready.
func start(t testing.TB, cmd *exec.Cmd) *relay {
	t.Helper()
	r := spawn(t, cmd)
	r.address = r.loggedHost("listening")
	r.admin = r.loggedHost("admin listening")
	return r
}

// spawn starts a relay and does not wait until it is ready. The relay is killed when the test ends; a panic or a data
// race in its log fails the test.
func spawn(t testing.TB, cmd *exec.Cmd) *relay {
	t.Helper()
	r := &relay{t: t, cmd: cmd, exited: make(chan struct{})}
	cmd.Stderr = &r.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { cmd.Wait(); close(r.exited) }()
	t.Cleanup(func() {
		r.kill()
		if log := r.log.String(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic:") {
			t.Errorf("the relay's log:\n%s", log)
		}
	})
	return r
}

// logged waits for a message in the log and returns one of its attributes.
func (r *relay) logged(message, attribute string) string {
	r.t.Helper()
	value, found := "", false
	testwait.Until(func() bool {
		exited := isClosed(r.exited) // before the log is read: then the log is complete
		value, found = findLogged(r.log.String(), message, attribute)
		return found || exited
	})
	if !found {
		r.t.Fatalf("no %q in the log:\n%s", message, r.log.String())
	}
	return value
}

// loggedHost waits for a message in the log and returns host and port of its attribute url.
func (r *relay) loggedHost(message string) string {
	r.t.Helper()
	address, err := url.Parse(r.logged(message, "url"))
	if err != nil {
		r.t.Fatal(err)
	}
	return address.Host
}

// findLogged returns an attribute of the first record of a JSON log that has the message.
func findLogged(log, message, attribute string) (value string, found bool) {
	for line := range strings.Lines(log) {
		var record map[string]any
		if json.Unmarshal([]byte(line), &record) == nil && record["msg"] == message {
			return fmt.Sprint(record[attribute]), true
		}
	}
	return "", false
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (r *relay) signal(signal os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(signal); err != nil {
		r.t.Fatal(err)
	}
}

// stop sends the signal, waits until the relay has exited, and returns its status.
func (r *relay) stop(signal os.Signal) int {
	r.t.Helper()
	r.signal(signal)
	select {
	case <-r.exited:
	case <-time.After(testwait.Limit):
		r.signal(syscall.SIGQUIT) // prints the stacks of all goroutines
		<-r.exited
		r.t.Fatalf("the relay does not exit; its log:\n%s", r.log.String())
	}
	return r.cmd.ProcessState.ExitCode()
}

// kill ends the relay with SIGKILL if it still runs.
func (r *relay) kill() {
	r.cmd.Process.Kill()
	<-r.exited
}

// get returns the response of the admin listener.
func (r *relay) get(path string) (status int, body string) {
	r.t.Helper()
	return do(r.t, http.MethodGet, "http://"+r.admin+path, nil, "")
}

// waitForBody waits until the response of the admin listener contains want.
func (r *relay) waitForBody(path, want string) {
	r.t.Helper()
	body := ""
	ok := testwait.Until(func() bool {
		_, body = r.get(path)
		return strings.Contains(body, want)
	})
	if !ok {
		r.t.Fatalf("%s never contains %q:\n%s", path, want, body)
	}
}

// status returns the report of /api/status.
func (r *relay) status() (report admin.Report) {
	r.t.Helper()
	_, body := r.get("/api/status")
	if err := json.Unmarshal([]byte(body), &report); err != nil {
		r.t.Fatal(err)
	}
	return report
}

// waitForClients waits until n clients are connected.
func (r *relay) waitForClients(n int) {
	r.t.Helper()
	if !testwait.Until(func() bool { return r.status().Server.Clients == n }) {
		r.t.Fatalf("%d clients, want %d", r.status().Server.Clients, n)
	}
}

// memory returns the resident memory of the relay in bytes.
func (r *relay) memory() int {
	r.t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", r.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(content), &size, &resident); err != nil {
		r.t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// descriptors returns the number of file descriptors that the relay has open.
func (r *relay) descriptors() int {
	r.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	return len(entries)
}

// waitForDescriptors waits until the relay has closed the descriptors of its clients. It may keep
// as many as before, one event poll per shard, opened with its first client, and the harness's idle connections. It
// waits as long as clients still leave: after a flood, thousands of connections wait in the kernel's backlog.
func (r *relay) waitForDescriptors(before int) {
	r.t.Helper()
	const idle = 2
	most := before + runtime.NumCPU() + idle
	for left := ""; !testwait.Until(func() bool { return r.descriptors() <= most }); {
		server := r.status().Server
		now := fmt.Sprint(server.Closed, server.Rejected)
		if now == left {
			r.t.Fatalf("%d descriptors are open, want at most %d", r.descriptors(), most)
		}
		left = now
	}
}
