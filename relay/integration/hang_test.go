//go:build linux

package integration_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"wpre-relay/relay/testwait"
)

// newSiteIn returns a site in a directory, with its state in another one.
func newSiteIn(t *testing.T, root, state string) *site {
	t.Helper()
	s := &site{
		t:     t,
		root:  root,
		file:  filepath.Join(root, "wp-content", "realtime-events", "latest_event.json"),
		state: state,
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// logsHang waits until the log names an operation that hangs on f.
func (r *relay) logsHang(f *hangFS) {
	r.t.Helper()
	found := testwait.Until(func() bool {
		for line := range strings.Lines(r.log.String()) {
			if strings.Contains(line, "file operation has not returned") && strings.Contains(line, f.path) {
				return true
			}
		}
		return false
	})
	if !found {
		r.t.Fatalf("the log does not name the path %s:\n%s", f.path, r.log.String())
	}
}

// TestRelayServesHistoryWhileEventFolderHangs lets the folder hang while the relay runs, and while it stops.
func TestRelayServesHistoryWhileEventFolderHangs(t *testing.T) {
	t.Parallel()
	f := newHangFS(t)
	s := newSiteIn(t, f.path, t.TempDir())
	r := s.start("--drain", "0s")
	conn := r.dial()
	s.write(1)
	expect(t, conn, document(1))

	f.hang()
	r.logsHang(f)
	r.waitForBody("/readyz", "the event file's file system hangs: ")
	late, _ := r.dialWith("/?last=1", nil)
	expect(t, late, document(1))
	f.recover()
	r.waitForBody("/readyz", "ok\n")
	s.write(2)
	expect(t, conn, document(2))

	f.hang()
	r.waitForBody("/readyz", "the event file's file system hangs: ")
	r.stop(syscall.SIGTERM)
	if got := s.journal(); len(got) != 2 {
		t.Errorf("the journal holds %v, want 2 events", got)
	}
}

// TestStartWithHangingEventFolderServesHistory starts a relay while the folder hangs, by the root and by the file.
func TestStartWithHangingEventFolderServesHistory(t *testing.T) {
	t.Parallel()
	for _, watch := range []string{"", "wp-content/realtime-events/latest_event.json"} {
		f := newHangFS(t)
		s := newSiteIn(t, f.path, t.TempDir())
		s.write(1)
		first := s.start()
		first.stop(syscall.SIGTERM)

		f.hang()
		cmd := relayCommand(t, "--watch", filepath.Join(s.root, watch), "--state-dir", s.state, "--drain", "0s")
		r := start(t, cmd)
		r.logsHang(f)
		conn, _ := r.dialWith("/?last=1", nil)
		expect(t, conn, document(1))
		f.recover()
		r.waitForBody("/readyz", "ok\n")
		s.write(2)
		expect(t, conn, document(2))
		f.hang()
		r.waitForBody("/readyz", "hangs")
		r.stop(syscall.SIGTERM)
		f.recover()
	}
}

func TestRelayServesHistoryWhileStateDirectoryHangs(t *testing.T) {
	t.Parallel()
	f := newHangFS(t)
	s := newSite(t)
	s.state = f.path
	r := s.start("--drain", "0s", "--publish-token", "a secret of 20 bytes")
	conn := r.dial()
	s.write(1)
	expect(t, conn, document(1))

	f.hang()
	r.logsHang(f)
	for _, path := range []string{"/readyz", "/api/status"} {
		r.waitForBody(path, "the state directory's file system hangs: ")
	}
	if status, _ := r.get("/metrics"); status != http.StatusOK {
		t.Errorf("/metrics: %d", status)
	}
	header := http.Header{"Authorization": {"Bearer a secret of 20 bytes"}}
	status, _ := do(t, http.MethodPost, "http://"+r.admin+"/publish", header, document(3))
	if status != http.StatusServiceUnavailable {
		t.Errorf("/publish: %d, want 503", status)
	}
	late, _ := r.dialWith("/?last=1", nil)
	expect(t, late, document(1))
	s.write(2)
	f.recover()
	expect(t, conn, document(2))
	r.waitForBody("/readyz", "ok\n")
	f.hang()
	r.waitForBody("/readyz", "hangs")
	r.stop(syscall.SIGTERM)
}

// TestStartWithHangingFileIsNotSilent starts a relay whose state directory, key, certificate, or setting is on a file
// system that hangs, and stops it.
func TestStartWithHangingFileIsNotSilent(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]func(path string) (args, env []string){
		"state":       func(path string) (args, env []string) { return []string{"--state-dir", path}, nil },
		"key":         func(path string) (args, env []string) { return []string{"--jwt-key", path}, nil },
		"certificate": func(path string) (args, env []string) { return []string{"--tls-cert", path, "--tls-key", path}, nil },
		"config":      func(path string) (args, env []string) { return []string{"--config", path}, nil },
		"setting":     func(path string) (args, env []string) { return nil, []string{"WPRE_RELAY_WELCOME_FILE=" + path} },
	} {
		t.Run(name, func(t *testing.T) {
			f := newHangFS(t)
			s := newSite(t)
			more, env := args(filepath.Join(f.path, "file"))
			f.hang()
			cmd := relayCommand(t, append([]string{"--watch", s.root, "--state-dir", s.state, "--drain", "0s"}, more...)...)
			cmd.Env = append(cmd.Env, env...)
			r := spawn(t, cmd)
			r.logsHang(f)
			r.stop(syscall.SIGTERM)
		})
	}
}

func TestClientsConnectWhileKeyHangs(t *testing.T) {
	t.Parallel()
	f := newHangFS(t)
	s := newSite(t)
	key := filepath.Join(f.path, "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("secret-", 8)), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.start("--drain", "0s", "--jwt-key", key, "--allow-anonymous")
	token := mintToken(t, "--jwt-key", key)
	s.write(1)
	f.hang()
	connect := func() {
		conn, _ := r.dialWith("/?last=1&access_token="+token, nil)
		expect(t, conn, document(1))
		conn.CloseNow()
	}
	reported := testwait.Until(func() bool {
		connect()
		return strings.Contains(r.log.String(), "file operation has not returned")
	})
	if !reported {
		t.Errorf("the key's file was never read, or is not in the log:\n%s", r.log.String())
	}
	connect()
	r.stop(syscall.SIGTERM)
}

// TestCheckReportsFileSystemThatHangs checks a site whose folder, state or key is on a file system that hangs.
func TestCheckReportsFileSystemThatHangs(t *testing.T) {
	t.Parallel()
	f := newHangFS(t)
	hanging := newSiteIn(t, f.path, t.TempDir())
	healthy := newSite(t)
	f.hang()
	for _, args := range [][]string{
		{"--watch", hanging.root, "--state-dir", hanging.state},
		{"--watch", hanging.file, "--state-dir", hanging.state},
		{"--watch", healthy.root, "--state-dir", f.path},
		{"--watch", healthy.root, "--state-dir", healthy.state, "--jwt-key", filepath.Join(f.path, "key")},
	} {
		more := []string{"--listen", "127.0.0.1:0", "--admin-listen", "off"}
		text, status := run(t, command(t, append(append([]string{"check"}, args...), more...)...))
		words := strings.Join(strings.Fields(text), " ")
		if status != 1 || !strings.Contains(words, "FAIL file system: "+f.path) {
			t.Errorf("%v: exit status %d, want 1 and a finding:\n%s", args, status, text)
		}
	}
}
