package listener_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/listener"
)

// hello answers each request with a short text.
var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })

// get sends a request on conn and returns the body of the response.
func get(t *testing.T, conn net.Conn) string {
	t.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// brokenErrnos are the errors of accept(2) after which a socket never accepts again.
var brokenErrnos = []syscall.Errno{syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK, syscall.EOPNOTSUPP}

// newSocket returns a socket that fails to accept with these errors first.
func newSocket(errs ...error) (*listener.Socket, *fakeListener) {
	fake := newFakeListener(errs...)
	return listener.NewSocket(fake, quiet), fake
}

func TestServeReturnsErrorOfBrokenSocket(t *testing.T) {
	for _, errno := range brokenErrnos {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			socket, fake := newSocket(acceptError(errno))
			err := listener.Serve(t.Context(), socket, hello, listener.Options{Logger: quiet})
			if !errors.Is(err, errno) || !strings.Contains(err.Error(), "127.0.0.1:80") {
				t.Errorf("Serve returned %v, want %v with the address", err, errno)
			}
			if waited := time.Since(begin); waited > time.Second {
				t.Errorf("Serve returned after %v", waited)
			}
			if _, err := fake.dial(); err == nil {
				t.Error("the listener is still open")
			}
		})
	}
}

// TestServeRetriesAllOtherAcceptErrors tries every error number of Linux, since any may come from a security module, a
// packet filter or a sandbox.
func TestServeRetriesAllOtherAcceptErrors(t *testing.T) {
	const maxErrno = 133 // EHWPOISON
	for errno := syscall.Errno(1); errno <= maxErrno; errno++ {
		if slices.Contains(brokenErrnos, errno) {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			socket, fake := newSocket(slices.Repeat([]error{acceptError(errno)}, 12)...)
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan error, 1)
			go func() { result <- listener.Serve(ctx, socket, hello, listener.Options{Logger: quiet}) }()
			conn, err := fake.dial()
			if err != nil {
				t.Fatalf("after %v: %v", errno, err)
			}
			// 5 ms doubled up to 1 s: 5+10+...+640 ms, then four times 1 s.
			if waited := time.Since(begin); waited < 5*time.Second || waited > 6*time.Second {
				t.Errorf("12 retries after %v took %v, want 5 to 6 s", errno, waited)
			}
			if got := get(t, conn); got != "hello" {
				t.Errorf("after %v: got %q", errno, got)
			}
			conn.Close()
			cancel()
			if err := <-result; err != nil {
				t.Errorf("after %v: Serve returned %v", errno, err)
			}
		})
	}
}

func TestServeEndsDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket, _ := newSocket(slices.Repeat([]error{acceptError(syscall.EMFILE)}, 100)...)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- listener.Serve(ctx, socket, hello, listener.Options{Logger: quiet}) }()
		time.Sleep(10*time.Second + 100*time.Millisecond) // in the middle of a wait of one second
		cancel()
		begin := time.Now()
		if err := <-result; err != nil {
			t.Errorf("Serve returned %v", err)
		}
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("Serve returned %v after its context ended", waited)
		}
	})
}

// TestServeAcceptsWhileAHandshakeIsSlow opens silent connections before one that sends a request.
func TestServeAcceptsWhileAHandshakeIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeListener()
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- listener.Serve(ctx, fake, hello, listener.Options{Logger: quiet}) }()
		begin := time.Now()
		for range 10 {
			silent, err := fake.dial()
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
		}
		conn, err := fake.dial()
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, conn); got != "hello" {
			t.Errorf("got %q", got)
		}
		if waited := time.Since(begin); waited > 20*time.Millisecond {
			t.Errorf("the request took %v", waited)
		}
		conn.Close()
		cancel()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

func TestServeRejectsTooManyHeaderFields(t *testing.T) {
	for fields, want := range map[int]int{99: http.StatusOK, 101: http.StatusRequestHeaderFieldsTooLarge} {
		fake := newFakeListener()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- listener.Serve(ctx, fake, hello, listener.Options{Logger: quiet}) }()
		conn, err := fake.dial()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: relay.test\r\n"+strings.Repeat("A: b\r\n", fields)+"\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != want {
			t.Errorf("%d fields: got %v, %v, want %d", fields, response, err, want)
		}
		cancel()
		<-served
	}
}
