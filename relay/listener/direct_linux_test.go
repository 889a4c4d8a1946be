package listener

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// directPair returns a connection that the relay has accepted, and the client's end of it. The client has sent text.
func directPair(t *testing.T, text string) (*directConn, *net.TCPConn) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := direct(tcp)
	t.Cleanup(func() { listener.Close() })
	client, err := net.Dial("tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if _, err := io.WriteString(client, text); err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*directConn), client.(*net.TCPConn)
}

// readAll reads n bytes from conn.
func readAll(t *testing.T, conn net.Conn, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	if _, err := io.ReadFull(conn, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDirectConnWaitsLikePackageNet(t *testing.T) {
	conn, client := directPair(t, "hello")
	if got := readAll(t, conn, 5); string(got) != "hello" {
		t.Errorf("got %q", got)
	}
	conn.SetNoWait(true)
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != errNotReady {
		t.Errorf("nothing has arrived: %d, %v", n, err)
	}
	conn.SetNoWait(false)
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than all buffers
	for _, pair := range [][2]net.Conn{{conn, client}, {client, conn}} {
		written := make(chan error, 1)
		go func() {
			_, err := pair[0].Write(large)
			written <- err
		}()
		if !bytes.Equal(readAll(t, pair[1], len(large)), large) {
			t.Error("the bytes differ")
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	}
	client.CloseWrite()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

func TestDirectConnHasBothAddresses(t *testing.T) {
	conn, client := directPair(t, "x")
	for _, waited := range []bool{false, true} {
		if got, want := conn.RemoteAddr().String(), client.LocalAddr().String(); got != want {
			t.Errorf("waited %v: remote %s, want %s", waited, got, want)
		}
		if got, want := conn.LocalAddr().String(), client.RemoteAddr().String(); got != want {
			t.Errorf("waited %v: local %s, want %s", waited, got, want)
		}
		conn.SyscallConn()
	}
}

// TestDirectConnReadEnds ends reads of connections that have waited and of others.
func TestDirectConnReadEnds(t *testing.T) {
	for _, waited := range []bool{false, true} {
		conn, _ := directPair(t, "x")
		readAll(t, conn, 1)
		if waited {
			conn.SyscallConn()
		}
		conn.SetDeadline(time.Now())
		_, err := conn.Read(make([]byte, 1))
		timeout, ok := err.(interface {
			Timeout() bool
			Temporary() bool
		})
		if !ok || !timeout.Timeout() || !timeout.Temporary() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("waited %v, deadline: %v", waited, err)
		}
		conn.SetDeadline(time.Time{})
		ended := make(chan error, 1)
		go func() {
			_, err := conn.Read(make([]byte, 1))
			ended <- err
		}()
		conn.Close() // before the read or while it waits
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("waited %v, closed: %v", waited, err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("waited %v, write: %v", waited, err)
		}
		if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("waited %v, closed twice: %v", waited, err)
		}
	}
}

func TestDetachedDescriptorIsTheConnection(t *testing.T) {
	conn, client := directPair(t, "x")
	fd, ok := conn.Detach()
	if !ok {
		t.Fatal("not detached")
	}
	defer unix.Close(fd)
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a read after Detach: %v", err)
	}
	if _, ok := conn.Detach(); ok {
		t.Error("detached twice")
	}
	unix.Write(fd, []byte("event"))
	if got := readAll(t, client, 5); string(got) != "event" {
		t.Errorf("got %q", got)
	}
	waited, _ := directPair(t, "x")
	waited.SyscallConn()
	if _, ok := waited.Detach(); ok {
		t.Error("a descriptor that Go's poller knows was detached")
	}
}

func TestDirectConnHasSocketOptions(t *testing.T) {
	conn, _ := directPair(t, "x")
	conn.control(func(fd int) error {
		if on, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); on == 0 || err != nil {
			t.Errorf("TCP_NODELAY is %d, %v", on, err)
		}
		if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE); on != 0 || err != nil {
			t.Errorf("SO_KEEPALIVE is %d, %v", on, err)
		}
		return nil
	})
}

func TestClosedDirectListenerEndsAccept(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := direct(tcp)
	ended := make(chan error, 1)
	go func() {
		_, err := listener.Accept()
		ended <- err
	}()
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if conn, err := net.Dial("tcp", tcp.Addr().String()); err == nil {
		conn.Close()
		t.Error("the socket still listens")
	}
}
