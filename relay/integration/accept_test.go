//go:build linux

package integration_test

import (
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"wpre-relay/relay/testwait"
)

// underStrace returns cmd under strace(1), which makes accept4(2) fail as inject says. The process that it starts is
// the relay itself.
func underStrace(t *testing.T, cmd *exec.Cmd, inject string) *exec.Cmd {
	t.Helper()
	strace := lookPath(t, "strace")
	args := []string{"-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=accept4", "-e", "inject=accept4:" + inject, "--"}
	traced := exec.Command(strace, append(args, cmd.Args...)...)
	traced.Env = cmd.Env
	return traced
}

// TestListenersSurviveAcceptErrors lets every third accept of each thread fail.
func TestListenersSurviveAcceptErrors(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, errno := range []string{"ENOBUFS", "ENOMEM", "EPERM", "EACCES", "ENETDOWN", "EPROTO", "EMFILE", "ENOSYS"} {
		s := newSite(t)
		cmd := relayCommand(t, "--watch", s.root, "--state-dir", s.state)
		r := start(t, underStrace(t, cmd, "error="+errno+":when=3+3"))
		logged := testwait.Until(func() bool {
			for _, url := range []string{"http://" + r.address + "/history", "http://" + r.admin + "/readyz"} {
				response, err := client.Get(url)
				if err != nil {
					t.Fatalf("%s: %v\n%s", errno, err, r.log.String())
				}
				response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("%s: %s: %s", errno, url, response.Status)
				}
			}
			return strings.Contains(r.log.String(), "accept failed, retrying")
		})
		if !logged {
			t.Errorf("%s: no failure in the log:\n%s", errno, r.log.String())
		}
		if status := r.stop(syscall.SIGTERM); status != 0 {
			t.Errorf("%s: exit status %d", errno, status)
		}
	}
}

func TestRelayLogsThatNoConnectionIsAccepted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cmd := relayCommand(t, "--watch", s.root, "--state-dir", s.state)
	r := start(t, underStrace(t, cmd, "error=ENOBUFS"))
	for _, flag := range []string{"--listen", "--admin-listen"} {
		want := `"msg":"listener accepts no connections","listener":"` + flag + `"`
		if !testwait.Until(func() bool { return strings.Contains(r.log.String(), want) }) {
			t.Errorf("the log does not name %s:\n%s", flag, r.log.String())
		}
	}
}

// TestBrokenSocketEndsTheProcess breaks a listener. The other listener must not keep the process alive.
func TestBrokenSocketEndsTheProcess(t *testing.T) {
	t.Parallel()
	for _, errno := range []string{"EINVAL", "EBADF", "ENOTSOCK"} {
		s := newSite(t)
		cmd := relayCommand(t, "--watch", s.root, "--state-dir", s.state)
		r := start(t, underStrace(t, cmd, "error="+errno+":when=3+"))
		exited := testwait.Until(func() bool {
			if response, err := http.Get("http://" + r.admin + "/livez"); err == nil {
				response.Body.Close()
			}
			http.DefaultClient.CloseIdleConnections()
			return isClosed(r.exited)
		})
		if !exited {
			t.Fatalf("%s: the relay continues:\n%s", errno, r.log.String())
		}
		if status := r.cmd.ProcessState.ExitCode(); status != 1 || !strings.Contains(r.log.String(), "serve 127.0.0.1:") {
			t.Errorf("%s: exit status %d, want 1:\n%s", errno, status, r.log.String())
		}
	}
}
