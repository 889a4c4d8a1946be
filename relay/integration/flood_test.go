//go:build linux

package integration_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wpre-relay/relay/fanout/fanouttest"
)

const (
	// attackers is how many sockets a flood comes from.
	attackers = 1000

	// floodVariable has the test's binary be the attackers: kind and address.
	floodVariable = "WPRE_TEST_FLOOD"
)

// floods are what attackers do, each on its own, again and again. One that waits does so for the relay to hang up.
var floods = map[string]func(conn net.Conn) error{
	"handshakes": func(conn net.Conn) error { // and gone
		if _, err := io.WriteString(conn, handshake); err != nil {
			return err
		}
		_, err := conn.Read(make([]byte, 512))
		return err
	},
	"refused": func(conn net.Conn) error {
		if _, err := io.WriteString(conn, strings.Replace(handshake, "Host: x", "Host: x\r\nOrigin: https://evil.test", 1)); err != nil {
			return err
		}
		_, err := conn.Read(make([]byte, 512))
		return err
	},
	"silent": func(conn net.Conn) error {
		_, err := conn.Read(make([]byte, 1))
		return err
	},
	"slow headers": func(conn net.Conn) error {
		for i := range len(handshake) - 4 {
			if _, err := io.WriteString(conn, handshake[i:i+1]); err != nil {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	},
	"pings": func(conn net.Conn) error { return shout(conn, strings.Repeat(fanouttest.Masked(pingOp, "x"), 100)) },
	"messages": func(conn net.Conn) error {
		return shout(conn, strings.Repeat(fanouttest.Masked(text, strings.Repeat("x", 4096)), 4))
	},
	"fragments": func(conn net.Conn) error {
		return shout(conn, fanouttest.Masked(text-fragment, "")+strings.Repeat(fanouttest.Masked(continuation-fragment, ""), 100))
	},
}

// shout upgrades the connection and says the same for ever.
func shout(conn net.Conn, what string) error {
	if _, err := io.WriteString(conn, handshake); err != nil {
		return err
	}
	for {
		if _, err := io.WriteString(conn, what); err != nil {
			return err
		}
	}
}

// runFlood is the process of the attackers. It goes on until it is killed. It has the lowest priority: attackers bring
// processors of their own, and here they have to share the relay's.
func runFlood(order string) error {
	kind, address, _ := strings.Cut(order, "@")
	if address == "" {
		bare, err := listenBare()
		if err != nil {
			return err
		}
		address = bare
	}
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19); err != nil {
		return err
	}
	var all sync.WaitGroup
	for range attackers {
		all.Go(func() {
			for {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				floods[kind](conn)
				conn.(*net.TCPConn).SetLinger(0) // ports would run out
				conn.Close()
			}
		})
	}
	all.Wait()
	return nil
}

// listenBare listens for attackers and does as little as can be: it upgrades them, reads nothing more, and hangs up after
// 5 s.
func listenBare() (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	serve := func(conn net.Conn) {
		conn.Read(make([]byte, 512))
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		time.AfterFunc(5*time.Second, func() { conn.Close() })
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			time.Sleep(250 * time.Microsecond)
			go serve(conn)
		}
	}()
	return listener.Addr().String(), nil
}

// flood starts the attackers. The function that it returns ends them.
func (p *process) flood(kind, address string) (end func()) {
	p.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s@%s", floodVariable, kind, address))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return sync.OnceFunc(func() { cmd.Process.Kill(); cmd.Wait() })
}

// memory returns the resident memory of the relay, in bytes.
func (p *process) memory() int {
	p.t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(content), &size, &resident); err != nil {
		p.t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// descriptors returns how many files and sockets the relay has open.
func (p *process) descriptors() int {
	p.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(entries)
}

// TestFloodsAreBoundedAndLeaveNothing has a client see all events through every flood, and the relay give back what the
// flood took.
func TestFloodsAreBoundedAndLeaveNothing(t *testing.T) {
	t.Parallel()
	for kind := range floods {
		t.Run(kind, func(t *testing.T) {
			s := newSite(t)
			p := s.start("--log-level", "info")
			live := p.dial()
			before := p.descriptors()
			end := p.flood(kind, p.address)
			defer end()
			most := 0
			for n := range 200 {
				s.write(n)
				expect(t, live, document(n))
				most = max(most, p.memory())
				time.Sleep(5 * time.Millisecond)
			}
			end()
			if limit := 300 << 20; most > limit { // with the race detector, which takes most of it
				t.Errorf("%d MiB of memory, want less than %d", most>>20, limit>>20)
			}
			p.waitForClients(1)
			for deadline := time.Now().Add(patience); p.descriptors() > before+2; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d descriptors, %d before the flood", p.descriptors(), before)
				}
			}
			if lines := strings.Count(p.log.String(), "\n"); lines > 40 {
				t.Errorf("%d lines in the log", lines)
			}
		})
	}
}

// BenchmarkLiveUnderFlood measures what a client notices of a flood from a thousand sockets: the way of an event to it
// before; beside the same flood of a bare listener, which is what attackers cost that share the machine; and under it.
func BenchmarkLiveUnderFlood(b *testing.B) {
	for kind := range floods {
		b.Run(kind, func(b *testing.B) {
			s := newSite(b)
			p := s.start("--log-level", "info")
			live := dialRaw(b, p.address)
			defer live.Close()
			n := 1_000_000_000 // all documents have one length
			times := func() (times []time.Duration) {
				frame := make([]byte, len(fanouttest.TextFrame([]byte(document(n)))))
				for range 1000 {
					n++
					start := time.Now()
					s.write(n)
					if _, err := io.ReadFull(live, frame); err != nil {
						b.Fatal(err)
					}
					times = append(times, time.Since(start))
					time.Sleep(time.Millisecond)
				}
				slices.Sort(times)
				return times
			}
			for b.Loop() {
				calm := times()
				under := func(address string) []time.Duration {
					defer p.flood(kind, address)()
					time.Sleep(time.Second) // the flood rises
					return times()
				}
				bare, busy := under(""), under(p.address)
				for name, share := range map[string]int{"p50": 50, "p99": 99} {
					at := func(times []time.Duration) float64 { return float64(times[len(times)*share/100].Microseconds()) }
					b.ReportMetric(at(calm), name+"-µs")
					b.ReportMetric(at(bare), name+"-µs-beside")
					b.ReportMetric(at(busy), name+"-µs-under")
				}
				b.ReportMetric(float64(p.memory())/(1<<20), "MiB")
			}
		})
	}
}
