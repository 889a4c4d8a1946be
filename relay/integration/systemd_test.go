//go:build linux

package integration_test

import (
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/testwait"
)

// serviceManager is a simple systemd: it receives the notifications of services (sd_notify).
type serviceManager struct {
	t      *testing.T
	socket *net.UnixConn
	path   string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	m := &serviceManager{t: t, path: filepath.Join(t.TempDir(), "notify")}
	var err error
	if m.socket, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.socket.Close() })
	return m
}

// environment returns the variables that tell a service to notify the manager, and to do so at least every 3 s.
func (m *serviceManager) environment() []string {
	return []string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=3000000"}
}

// read returns the next notification, or an error at the deadline.
func (m *serviceManager) read(deadline time.Time) (string, error) {
	m.socket.SetReadDeadline(deadline)
	buf := make([]byte, 4096)
	n, err := m.socket.Read(buf)
	return string(buf[:n]), err
}

// expect waits for a notification.
func (m *serviceManager) expect(want string) {
	m.t.Helper()
	deadline := time.Now().Add(testwait.Limit)
	for got := ""; got != want; {
		var err error
		if got, err = m.read(deadline); err != nil {
			m.t.Fatalf("no notification %s: %v", want, err)
		}
	}
}

func TestNotifiesServiceManager(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	s := newSite(t)
	cmd := relayCommand(t, "--watch", s.root, "--state-dir", s.state)
	cmd.Env = append(cmd.Env, m.environment()...)
	r := start(t, cmd)
	m.expect("READY=1")
	m.expect("WATCHDOG=1")
	m.expect("WATCHDOG=1")
	r.signal(syscall.SIGTERM)
	m.expect("STOPPING=1")
}

// activate runs a relay on sockets that systemd's own tool opens. The tool starts the relay at the first connection.
func activate(t *testing.T, environment []string, args ...string) *relay {
	t.Helper()
	tool := lookPath(t, "systemd-socket-activate")
	public, admin := enginetest.FreePort(t), enginetest.FreePort(t)
	call := []string{"-l", public, "-l", admin, "--fdname=public:admin"}
	for _, variable := range environment {
		call = append(call, "-E", variable)
	}
	call = append(call, binaryPath, "--log-format=json")
	r := spawn(t, exec.Command(tool, append(call, args...)...))
	r.address, r.admin = public, admin
	var err error
	if !testwait.Until(func() bool { err = getLive(admin); return err == nil }) {
		t.Fatalf("%v\n%s", err, r.log.String())
	}
	return r
}

// getLive returns an error if the listener does not answer.
func getLive(admin string) error {
	response, err := http.Get("http://" + admin + "/livez")
	if err == nil {
		response.Body.Close()
	}
	return err
}

func TestSocketActivation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := activate(t, nil, "--watch", s.root, "--state-dir", s.state)
	r.waitForBody("/readyz", "ok")
	conn := r.dial()
	s.write(1)
	expect(t, conn, document(1))
}

// TestRelayUnderSystemdOutlivesBrokerOutage starts the relay while its broker is down, and deletes the shared stream
// later. In both cases the relay stays ready for the service manager and keeps its sockets.
func TestRelayUnderSystemdOutlivesBrokerOutage(t *testing.T) {
	t.Parallel()
	server := enginetest.Redis(t)
	server.Kill()
	m := newServiceManager(t)
	s := newSite(t)
	r := activate(t, m.environment(), "--watch", s.root, "--state-dir", s.state, "--broker", "redis://"+server.Address)
	m.expect("READY=1")
	r.waitForBody("/readyz", "the broker is unreachable")
	m.expect("WATCHDOG=1")
	m.expect("WATCHDOG=1")

	server.Start()
	r.waitForBody("/readyz", "ok\n")
	client := redis.NewClient(&redis.Options{Addr: server.Address})
	defer client.Close()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	r.logged("broker stream was reset, restarting clients with a gap notice", "error")
	r.waitForBody("/readyz", "ok\n")
	conn := r.dial()
	s.write(1)
	expect(t, conn, document(1))
	r.signal(syscall.SIGTERM)
	m.expect("STOPPING=1")
	<-r.exited
	for { // only the watchdog may still have been notified
		got, err := m.read(time.Now())
		if err != nil {
			break
		}
		if got != "WATCHDOG=1" {
			t.Errorf("notification after STOPPING=1: %s", got)
		}
	}
}
