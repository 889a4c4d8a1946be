//go:build linux

package steps

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/fanout/fanouttest"
)

// baselineSteps are the steps of an event in the baseline.
var baselineSteps = []step{
	{"truncate", begun, truncated},
	{"wake", truncated, notified},
	{"read", notified, read},
	{"frame", read, delivering},
	{"deliver", delivering, received},
	{"delivery", delivering, delivered},
}

// startBaseline starts the loop of scripts/bench/baseline for one client, without a handshake. It returns its port.
func startBaseline(t testing.TB, file string, trace *trace) (port int) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	notify, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(notify, filepath.Dir(file), unix.IN_CLOSE_WRITE)
	}
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if raw, err := conn.(*net.TCPConn).SyscallConn(); err == nil {
			raw.Control(func(client uintptr) { relayFile(notify, file, int(client), trace) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		os.Remove(file) // a notification without the file ends relayFile
		os.WriteFile(file+".end", nil, 0o600)
		running.Wait()
		unix.Close(notify)
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// relayFile writes the file's content to the client after each notification, until there is no file.
func relayFile(notify int, file string, client int, trace *trace) {
	notifications, content := make([]byte, 64<<10), make([]byte, 1<<20)
	for {
		if _, err := unix.Read(notify, notifications); err != nil && err != unix.EINTR {
			return
		}
		trace.reach(notified)
		fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		n, err := unix.Read(fd, content)
		unix.Close(fd)
		if err != nil {
			return
		}
		trace.reach(read)
		frame := fanouttest.TextFrame(content[:n])
		trace.reach(journaled) // it has no journal
		trace.reach(delivering)
		if _, err := unix.Write(client, frame); err != nil {
			return
		}
		trace.reach(delivered)
	}
}
