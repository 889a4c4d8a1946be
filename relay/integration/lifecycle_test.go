//go:build linux

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

func TestSignalSelectsCloseCode(t *testing.T) {
	for signal, want := range map[syscall.Signal]websocket.StatusCode{
		syscall.SIGINT:  websocket.StatusGoingAway,
		syscall.SIGTERM: websocket.StatusServiceRestart,
	} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r := s.start()
			conn := r.dial()
			s.write(1)
			expect(t, conn, document(1))
			closed := make(chan error, 1)
			go func() {
				_, _, err := conn.Read(context.Background())
				closed <- err
			}()
			if status := r.stop(signal); status != 0 {
				t.Errorf("exit status %d", status)
			}
			if err := <-closed; websocket.CloseStatus(err) != want {
				t.Errorf("closed with %v, want %v", err, want)
			}
		})
	}
}

func TestSecondRelayOnSameFileExits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start()
	text, status := run(t, relayCommand(t, "--watch", s.file, "--state-dir", s.state))
	pid := fmt.Sprint(r.cmd.Process.Pid)
	if status != 1 || !strings.Contains(text, "in use by another wpre-relay") || !strings.Contains(text, pid) {
		t.Errorf("exit status %d:\n%s", status, text)
	}
}

func TestLogNamesFileModeAndStateAtStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start()
	if got := r.logged("watching", "path"); got != s.file {
		t.Errorf("watching %s, want %s", got, s.file)
	}
	if got := r.logged("watching", "mode"); got != "inotify" && got != "polling" {
		t.Errorf("mode %s", got)
	}
	if got := r.logged("history opened", "state"); !strings.HasPrefix(got, s.state) {
		t.Errorf("state in %s, want it below %s", got, s.state)
	}
}

func TestClosedClientsLeakNoDescriptors(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	before := r.descriptors()
	for n := range 300 {
		conn := r.dial()
		if n%2 == 0 {
			conn.CloseNow()
		} else {
			conn.Close(websocket.StatusNormalClosure, "")
		}
	}
	r.waitForClients(0)
	r.waitForDescriptors(before)
}

// TestReadsEventFileOncePermissionIsGranted runs the relay as another user, since root may read every file.
func TestReadsEventFileOncePermissionIsGranted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cmd := relayCommand(t, "--watch", s.root, "--state-dir", s.state)
	if os.Getuid() == 0 {
		runAsNobody(cmd)
		for dir := s.root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.Mkdir(s.state, 0o700), os.Chown(s.state, nobody, nobody)); err != nil {
			t.Fatal(err)
		}
	}
	s.write(1)
	if err := os.Chmod(s.file, 0); err != nil {
		t.Fatal(err)
	}
	r := start(t, cmd)
	r.logged("event file not readable, run the relay as a user with read permission or change the file's mode", "uid")
	conn := r.dial()
	if err := os.Chmod(s.file, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, document(1))
}
