//go:build linux

package integration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"wpre-relay/schema"
)

const (
	// resuming is how many clients resume at once in BenchmarkLiveWhileResuming.
	resuming = 1000

	// behind is how many events each of them misses.
	behind = 10_000
)

// BenchmarkLiveWhileResuming times the events of a live client before and while 1,000 clients resume at once, each
// from 10,000 events back. They run in one helper, which discards the received bytes in the kernel and takes most of
// one of two cores.
func BenchmarkLiveWhileResuming(b *testing.B) {
	s := newSite(b)
	r := s.start("--log-level", "info", "--history", "1000000")
	p := newProbe(b, s, dialRaw(b, r))
	p.measureN(behind)
	for b.Loop() {
		p.connect(dialRaw(b, r))
		before := p.measureN(1000)
		done := startResuming(b, r)
		meanwhile := p.measureWhile(func(int) bool {
			select {
			case err := <-done:
				if err != nil {
					b.Fatal(err)
				}
				return false
			default:
				return true
			}
		})
		for name, percent := range percentiles {
			calm, busy := percentile(before, percent), percentile(meanwhile, percent)
			b.ReportMetric(calm, name+"-µs-before")
			b.ReportMetric(busy, name+"-µs-meanwhile")
			b.ReportMetric(busy/calm, name+"-ratio")
		}
	}
}

// startResuming starts the helper with the clients that resume. Its result is sent when each has got all events.
func startResuming(b *testing.B, r *relay) <-chan error {
	head := r.position()
	bytes := behind * len(`xx{"id":"","event":}`+head.String()+document(1_000_000_000))
	head.Seq -= behind
	cmd := helper(b, "resume", r.address, head.String(), fmt.Sprint(bytes))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return done
}

// position returns the position of the newest record.
func (r *relay) position() (newest schema.Position) {
	r.t.Helper()
	_, body := r.get("/api/status")
	status := struct{ Position *schema.Position }{&newest}
	if err := json.Unmarshal([]byte(body), &status); err != nil {
		r.t.Fatal(err)
	}
	return newest
}

// runResume is a helper. It resumes clients at an address from a position, and ends when each has got so many bytes.
func runResume(args []string) error {
	address, since := args[0], args[1]
	bytes, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	bytes -= bytes / 50 // the sequence numbers of older positions may be shorter by a digit
	epoll, err := unix.EpollCreate1(0)
	if err != nil {
		return err
	}
	for range resuming {
		fd, err := dialResuming(address, since)
		if err != nil {
			return err
		}
		event := &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, event); err != nil {
			return err
		}
	}
	return discard(epoll, bytes)
}

// discard reads and drops what arrives at the sockets of an epoll instance until each has got so many bytes.
func discard(epoll, bytes int) error {
	got := make(map[int32]int, resuming)
	events, buf := make([]unix.EpollEvent, 256), make([]byte, 1<<20)
	for done := 0; done < resuming; {
		ready, err := unix.EpollWait(epoll, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		for _, event := range events[:max(ready, 0)] {
			n, _, err := unix.Recvfrom(int(event.Fd), buf, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
			if err == nil && n == 0 {
				return fmt.Errorf("a client is closed after %d bytes", got[event.Fd])
			}
			if before := got[event.Fd]; n > 0 {
				got[event.Fd] += n
				if before < bytes && before+n >= bytes {
					done++
				}
			}
		}
	}
	return nil
}

// dialResuming connects one client and returns its descriptor.
func dialResuming(address, since string) (int, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /?since=%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+
		"Sec-WebSocket-Protocol: wpre.v1\r\n\r\n", since)
	if err != nil {
		return 0, err
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return unix.Dup(int(file.Fd()))
}
