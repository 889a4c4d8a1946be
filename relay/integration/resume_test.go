//go:build linux

package integration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/schema"
)

const (
	// resumed is how many clients come back at once in BenchmarkLiveWhileResuming, and behind how many events each.
	resumed, behind = 1000, 10_000

	// resumeVariable has the test's binary run those clients: address, position, bytes for each.
	resumeVariable = "WPRE_TEST_RESUME"
)

// BenchmarkLiveWhileResuming measures what a client that is caught up notices of a thousand that resume at once from
// 10,000 events back: the way of an event to it before, and meanwhile. Those that resume are one process, which drops
// what it gets in the kernel; on two cores that process takes a good part of one.
func BenchmarkLiveWhileResuming(b *testing.B) {
	s := newSite(b)
	p := s.start("--log-level", "info", "--history", "1000000")
	n := 1_000_000_000 // all documents have one length
	times := func(conn net.Conn, more func(i int) bool) (times []time.Duration) {
		frame := make([]byte, len(fanouttest.TextFrame([]byte(document(n)))))
		for i := 0; more(i); i++ {
			n++
			start := time.Now()
			s.write(n)
			if _, err := io.ReadFull(conn, frame); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(start))
			time.Sleep(time.Millisecond)
		}
		slices.Sort(times)
		return times
	}
	filling := dialRaw(b, p.address)
	for range behind {
		times(filling, func(i int) bool { return i == 0 })
	}
	filling.Close()
	for b.Loop() {
		live := dialRaw(b, p.address)
		before := times(live, func(i int) bool { return i < 1000 })
		done := resume(b, p)
		meanwhile := times(live, func(int) bool {
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
		live.Close()
		for name, share := range map[string]int{"p50": 50, "p99": 99} {
			calm, busy := before[len(before)*share/100], meanwhile[len(meanwhile)*share/100]
			b.ReportMetric(float64(calm.Microseconds()), name+"-µs-before")
			b.ReportMetric(float64(busy.Microseconds()), name+"-µs-meanwhile")
			b.ReportMetric(float64(busy)/float64(calm), name+"-ratio")
		}
	}
}

// resume starts the clients that resume, behind events back, as a process of their own. It sends when that has ended.
func resume(b *testing.B, p *process) <-chan error {
	head := position(b, p)
	bytes := behind * len(`xx{"id":"","event":}`+head.String()+document(1_000_000_000))
	head.Seq -= behind
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", resumeVariable, p.address, head, bytes))
	cmd.Stderr = os.Stderr
	done := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	go func() { done <- cmd.Wait() }()
	return done
}

// position asks the relay where its history ends.
func position(b *testing.B, p *process) (at schema.Position) {
	response, err := http.Get("http://" + p.admin + "/api/status")
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	status := struct{ Position *schema.Position }{&at}
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		b.Fatal(err)
	}
	return at
}

// runResume is the process of the clients that resume. It ends when each has got all.
func runResume(order string) error {
	fields := strings.Fields(order)
	bytes, err := strconv.Atoi(fields[2])
	if err != nil {
		return err
	}
	bytes -= bytes / 50 // older positions may be shorter by a digit
	epoll, err := unix.EpollCreate1(0)
	if err != nil {
		return err
	}
	got := make(map[int32]int, resumed)
	for range resumed {
		fd, err := resumeOne(fields[0], fields[1])
		if err != nil {
			return err
		}
		got[int32(fd)] = 0
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
	}
	events, waste := make([]unix.EpollEvent, 256), make([]byte, 1<<20)
	for done := 0; done < resumed; {
		ready, err := unix.EpollWait(epoll, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		for _, event := range events[:max(ready, 0)] {
			n, _, err := unix.Recvfrom(int(event.Fd), waste, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
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

// resumeOne connects one client and returns its descriptor.
func resumeOne(address, since string) (int, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /?since=%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: wpre.v1\r\n\r\n", since)
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
