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
	"time"

	"github.com/coder/websocket"
)

func TestSignalsTellClientsWhy(t *testing.T) {
	for signal, want := range map[os.Signal]websocket.StatusCode{
		os.Interrupt:    websocket.StatusGoingAway,
		syscall.SIGTERM: websocket.StatusServiceRestart,
	} {
		s := newSite(t)
		p := s.start()
		conn := p.dial()
		s.write(1)
		expect(t, conn, document(1))
		closed := make(chan error, 1)
		go func() {
			_, _, err := conn.Read(context.Background())
			closed <- err
		}()
		if status := p.stop(signal); status != 0 {
			t.Errorf("%v: exit status %d", signal, status)
		}
		if err := <-closed; websocket.CloseStatus(err) != want {
			t.Errorf("%v: closed with %v, want %v", signal, err, want)
		}
	}
}

func TestASecondRelayOnTheSameFileRefuses(t *testing.T) {
	s := newSite(t)
	p := s.start()
	text, status := output(t, command(t, "--watch", s.file, "--state-dir", s.state, "--listen", "127.0.0.1:0", "--admin-listen", "off"))
	if status != 1 || !strings.Contains(text, "in use by another wpre-relay") || !strings.Contains(text, fmt.Sprint(p.cmd.Process.Pid)) {
		t.Errorf("exit status %d:\n%s", status, text)
	}
}

func TestTheFirstLogSaysWhatAndHowAndWhere(t *testing.T) {
	s := newSite(t)
	p := s.start()
	if got := p.logged("watching", "path"); got != s.file {
		t.Errorf("watching %s, want %s", got, s.file)
	}
	if got := p.logged("watching", "mode"); got != "inotify" && got != "polling" {
		t.Errorf("mode %s", got)
	}
	if got := p.logged("remembering what was sent", "state"); !strings.HasPrefix(got, s.state) {
		t.Errorf("state in %s, want it below %s", got, s.state)
	}
}

func TestNothingLeaksWhenClientsComeAndGo(t *testing.T) {
	s := newSite(t)
	p := s.start()
	before := p.descriptors()
	for n := range 300 {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+p.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			conn.CloseNow()
		} else {
			conn.Close(websocket.StatusNormalClosure, "")
		}
	}
	for deadline := time.Now().Add(patience); p.status().Server.Clients > 0 || p.descriptors() > before+2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d clients and %d descriptors are left, before there were %d", p.status().Server.Clients, p.descriptors(), before)
		}
	}
}

// TestPermissionDeniedThenGranted runs the relay as nobody, since root may read everything.
func TestPermissionDeniedThenGranted(t *testing.T) {
	s := newSite(t)
	cmd := command(t, "--watch", s.root, "--state-dir", s.state, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json")
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		for dir := s.root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.Mkdir(s.state, 0o700), os.Chown(s.state, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
	}
	s.write(1)
	if err := os.Chmod(s.file, 0); err != nil {
		t.Fatal(err)
	}
	p := launch(t, cmd)
	p.logged("the event file cannot be read; run the relay as a user who may, or mend its mode", "uid")
	conn := p.dial()
	if err := os.Chmod(s.file, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, document(1))
}
