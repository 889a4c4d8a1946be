package enginetest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// startPatience is how long a server may take to listen: RabbitMQ takes seconds where nothing else runs.
const startPatience = 2 * time.Minute

// Server is a server that a test runs, which can be killed and run again.
type Server struct {
	Address string // 127.0.0.1 and a port of its own
	t       testing.TB
	name    string
	args    []string
	env     []string
	cmd     *exec.Cmd
	ended   chan struct{}
	said    bytes.Buffer
}

// Run runs a server until the test ends. Configure returns its arguments, and what to add to its environment, for an address
// and a folder of its own. Where the program is missing it skips the test; with CI=true that is a failure.
func StartServer(t testing.TB, program string, configure func(host, port, dir string) (args, env []string)) *Server {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("there is no %s", program)
		}
		t.Skipf("SKIPPED: there is no %s", program)
	}
	s := &Server{Address: FreePort(t), t: t, name: path}
	host, port, _ := net.SplitHostPort(s.Address)
	s.args, s.env = configure(host, port, t.TempDir())
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// Start runs the server again and waits until it listens.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd, s.ended = exec.Command(s.name, s.args...), make(chan struct{})
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { s.cmd.Wait(); close(s.ended) }()
	for deadline := time.Now().Add(startPatience); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.Address)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-s.ended:
			s.t.Fatalf("%s has ended:\n%s", s.name, s.said.String())
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s does not listen: %v", s.name, err)
		}
	}
}

// Freeze has the server say nothing more; its connections stay. After that it can only be killed.
func (s *Server) Freeze() {
	s.t.Helper()
	if text, err := exec.Command("kill", "-STOP", strconv.Itoa(s.cmd.Process.Pid)).CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, text)
	}
}

// Kill ends the server at once.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	<-s.ended
}

// FreePort returns an address that nothing listens at.
func FreePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
