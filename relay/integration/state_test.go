//go:build linux

package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// stateDir returns the only directory in --state-dir.
func (s *site) stateDir() string {
	s.t.Helper()
	dirs, err := filepath.Glob(filepath.Join(s.state, "*"))
	if err != nil || len(dirs) != 1 {
		s.t.Fatalf("state directories %q, %v; want one", dirs, err)
	}
	return dirs[0]
}

// blockStateDir puts a file in the place of the state directory, and the directory at the returned path. It does both
// in one step, because the relay re-creates a directory that is missing.
func blockStateDir(t *testing.T, dir string) (moved string) {
	t.Helper()
	moved = dir + ".old"
	writeFile(t, moved, "in the way")
	if err := unix.Renameat2(unix.AT_FDCWD, moved, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE); err != nil {
		t.Fatal(err)
	}
	return moved
}

// TestStateDeletedUnderTheRelayIsRecreated deletes files of a running relay. It reports that, and after a kill the next
// start sends no event again.
func TestStateDeletedUnderTheRelayIsRecreated(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"journal.ndjson", "lock", "."} {
		s := newSite(t)
		s.write(1)
		r := s.start()
		expect(t, r.dial(), document(1))
		dir := s.stateDir()
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		r.waitForBody("/metrics", "wpre_relay_state_restored_total 1\n")
		if status, body := r.get("/readyz"); status != 200 || !strings.Contains(body, "re-created 1 times") {
			t.Errorf("%s deleted: /readyz %d %q", name, status, body)
		}
		second := relayCommand(t, "--watch", s.root, "--state-dir", s.state)
		if text, status := run(t, second); status != 1 || !strings.Contains(text, "in use by another wpre-relay") {
			t.Errorf("%s deleted: a second relay exits with %d\n%s", name, status, text)
		}
		r.stop(syscall.SIGKILL)
		next := s.start()
		conn := next.dial()
		s.write(2)
		expect(t, conn, document(2))
	}
}

// TestPublishIsRejectedWithoutState deletes the state directory, and puts a file in its place. Each event is answered
// with 503 until the relay has re-created its state, the first one too. It is relayed nevertheless, so a repetition is
// a duplicate, and a kill does not lose it.
func TestPublishIsRejectedWithoutState(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start("--publish-token", secret)
	conn := r.dial()
	dir := s.stateDir()
	moved := blockStateDir(t, dir)
	for n := range 12 {
		status, body := r.publish("Bearer "+secret, document(n))
		if status != 503 || !strings.Contains(body, "state files lost") {
			t.Errorf("event %d without state directory: %d %s, want 503", n, status, body)
		}
		expect(t, conn, document(n))
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	r.waitForBody("/metrics", "wpre_relay_state_restored_total 1\n")
	status, body := r.publish("Bearer "+secret, document(11))
	if status != 200 || !strings.Contains(body, "duplicate") {
		t.Errorf("an event that is repeated after the state is back: %d %s, want a duplicate", status, body)
	}
	os.RemoveAll(moved)
	r.stop(syscall.SIGKILL)
	if events := s.journal(); len(events) != 12 {
		t.Errorf("the journal holds events %v, want 12", events)
	}
}

func TestNotReadyWhileStateCannotBeRecreated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(1)
	r := s.start()
	dir := s.stateDir()
	moved := blockStateDir(t, dir)
	defer os.RemoveAll(moved)
	r.waitForBody("/metrics", "wpre_relay_state_ok 0\n")
	if status, body := r.get("/readyz"); status != 503 || !strings.Contains(body, "state files lost") {
		t.Errorf("/readyz %d %q, want 503 and the reason", status, body)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	r.waitForBody("/metrics", "wpre_relay_state_ok 1\n")
	if status, body := r.get("/readyz"); status != 200 {
		t.Errorf("/readyz %d %q", status, body)
	}
}
