package enginetest

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"wpre-relay/relay/testwait"
)

// startTimeout bounds the time until a server listens. RabbitMQ takes several seconds on an idle machine, and more than
// two minutes on one that runs other programs first.
const startTimeout = 5 * time.Minute

// Server is a broker that a test can kill and restart.
type Server struct {
	Address string // 127.0.0.1 and a port that only this server uses
	Dir     string // has the server's data

	t      testing.TB
	path   string
	args   []string
	env    []string
	cmd    *exec.Cmd
	exited chan struct{}
	output bytes.Buffer
}

// StartServer starts a program as a server and kills it when the test ends. Configure returns its arguments and
// additional environment variables for an address and a temporary directory. If the program is not installed,
// StartServer skips the test, or fails it if CI=true is set.
func StartServer(
	t testing.TB, program string, configure func(host, port, dir string) (args, env []string),
) *Server {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("SKIPPED: %s is not installed", program)
	}
	s := &Server{Address: FreePort(t), Dir: t.TempDir(), t: t, path: path}
	host, port, _ := net.SplitHostPort(s.Address)
	s.args, s.env = configure(host, port, s.Dir)
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// Start starts the server after Kill and returns when it listens.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd, s.exited = exec.Command(s.path, s.args...), make(chan struct{})
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { s.cmd.Wait(); close(s.exited) }()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.Address)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-s.exited:
			s.t.Fatalf("%s exited:\n%s", s.path, s.output.String())
		default:
		}
		if time.Now().After(deadline) {
			s.Kill()
			s.t.Fatalf("%s does not listen after %v: %v\n%s", s.path, startTimeout, err, s.output.String())
		}
	}
}

// Freeze stops the server's process with SIGSTOP. Its connections stay open, but it sends nothing. Only Kill is
// allowed after Freeze.
func (s *Server) Freeze() {
	s.t.Helper()
	pid := strconv.Itoa(s.cmd.Process.Pid)
	if text, err := exec.Command("kill", "-STOP", pid).CombinedOutput(); err != nil { // portable, unlike syscall.Kill
		s.t.Fatalf("kill -STOP %s: %v: %s", pid, err, text)
	}
	if !testwait.UntilStopped(s.cmd.Process.Pid) {
		s.t.Fatalf("process %s does not stop", pid)
	}
}

// Kill kills the server and returns when it has exited.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	<-s.exited
}

// FreePort returns an address of 127.0.0.1 on which nothing listens. The system gives ports from 32768 on to outgoing
// connections (Linux). The returned port is lower, so that it stays free while a server restarts. It is reserved among
// all callers, also of other processes, until the test ends: by the UDP port of the same number, which no server uses.
func FreePort(t testing.TB) string {
	t.Helper()
	const first, last, attempts = 20000, 32000, 100
	var err error
	for range attempts {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(last-first)))
		var reserved net.PacketConn
		if reserved, err = net.ListenPacket("udp", address); err != nil {
			continue
		}
		var listener net.Listener
		if listener, err = net.Listen("tcp", address); err == nil {
			listener.Close()
			t.Cleanup(func() { reserved.Close() })
			return address
		}
		reserved.Close()
	}
	t.Fatal(err)
	return ""
}
