//go:build linux

package integration_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wpre-relay/relay/fanout/fanouttest"
)

// attackers is the number of sockets of a flood.
const attackers = 1000

// floodEvents is the number of events that a client receives during a flood. The flood lasts 5 ms for each, or until
// all attackers have connected once: then it has ended many times as many connections, or sent as many frames.
const floodEvents = 80

// floods are what each attacker does with one connection after the other. An attacker that reads waits for the relay
// to close the connection.
var floods = map[string]func(conn net.Conn) error{
	"handshakes": func(conn net.Conn) error { return exchange(conn, handshake) },
	"rejected": func(conn net.Conn) error {
		return exchange(conn, strings.Replace(handshake, "Host: x", "Host: x\r\nOrigin: https://evil.test", 1))
	},
	"silent": func(conn net.Conn) error {
		_, err := conn.Read(make([]byte, 1))
		return err
	},
	"slow-headers": func(conn net.Conn) error {
		for i := range len(handshake) - 4 {
			if _, err := io.WriteString(conn, handshake[i:i+1]); err != nil {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	},
	"pings": func(conn net.Conn) error {
		return sendForever(conn, strings.Repeat(fanouttest.Masked(pingFrame, "x"), 100))
	},
	"messages": func(conn net.Conn) error {
		return sendForever(conn, strings.Repeat(fanouttest.Masked(textFrame, strings.Repeat("x", 4096)), 4))
	},
	"fragments": func(conn net.Conn) error {
		return sendForever(conn, fanouttest.Masked(textFrame-more, "")+
			strings.Repeat(fanouttest.Masked(continuationFrame-more, ""), 100))
	},
}

// exchange sends a request and reads the beginning of the response.
func exchange(conn net.Conn, request string) error {
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 512))
	return err
}

// sendForever upgrades the connection and sends the same frames until the relay closes it.
func sendForever(conn net.Conn, frames string) error {
	if _, err := io.WriteString(conn, handshake); err != nil {
		return err
	}
	for {
		if _, err := io.WriteString(conn, frames); err != nil {
			return err
		}
	}
}

// runFlood is a helper: the attackers of an address, or of a bare listener if none is given. It prints a line when
// all attackers have connected and continues until it is killed. It has the lowest priority because it shares the
// processors with the relay, while attackers have their own.
func runFlood(args []string) error {
	kind, address := args[0], ""
	if len(args) > 1 {
		address = args[1]
	} else {
		bare, err := listenBare()
		if err != nil {
			return err
		}
		address = bare
	}
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19); err != nil {
		return err
	}
	var connected, all sync.WaitGroup
	connected.Add(attackers)
	for range attackers {
		all.Go(func() { attack(address, floods[kind], connected.Done) })
	}
	connected.Wait()
	fmt.Println("connected")
	all.Wait()
	return nil
}

// attack attacks with one connection after the other. It calls connected after the first.
func attack(address string, flood func(net.Conn) error, connected func()) {
	connected = sync.OnceFunc(connected)
	for {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		connected()
		flood(conn)
		conn.(*net.TCPConn).SetLinger(0) // a reset leaves no TIME_WAIT, which would exhaust the ports
		conn.Close()
	}
}

// listenBare starts a listener that does as little as possible: it upgrades a connection, reads nothing more, and
// closes it after 5 s.
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

// flood starts attackers of an address, or of a bare listener if none is given. It closes connected when all have
// connected. The function end ends them.
func flood(t testing.TB, kind string, address ...string) (connected <-chan struct{}, end func()) {
	t.Helper()
	return startHelper(t, "flood", append([]string{kind}, address...)...)
}

// startHelper starts a helper. It closes connected when the helper has printed a line. The function end ends it.
func startHelper(t testing.TB, name string, args ...string) (connected <-chan struct{}, end func()) {
	t.Helper()
	cmd := helper(t, name, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all := make(chan struct{})
	go func() {
		bufio.NewReader(stdout).ReadString('\n')
		close(all)
	}()
	end = sync.OnceFunc(func() {
		cmd.Process.Kill()
		<-all
		cmd.Wait()
	})
	t.Cleanup(end)
	return all, end
}

// TestFloodIsBounded has a live client that gets all events during every flood. The relay's memory stays bounded, and
// its descriptors are free again afterwards.
func TestFloodIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes a minute")
	}
	t.Parallel()
	for kind := range floods {
		t.Run(kind, func(t *testing.T) {
			s := newSite(t)
			r := s.start("--log-level", "info")
			live := r.dial()
			before := r.descriptors()
			connected, end := flood(t, kind, r.address)
			most := 0
			for n := 0; n < floodEvents || !isClosed(connected); n++ {
				s.write(n)
				expect(t, live, document(n))
				most = max(most, r.memory())
				time.Sleep(5 * time.Millisecond)
			}
			end()
			limit := 300 << 20
			if raceDetector(t) {
				limit *= 2
			}
			if most > limit {
				t.Errorf("%d MiB of memory, want at most %d", most>>20, limit>>20)
			}
			r.waitForClients(1)
			r.waitForDescriptors(before)
			if lines := strings.Count(r.log.String(), "\n"); lines > 40 {
				t.Errorf("%d lines in the log, want at most 40", lines)
			}
		})
	}
}

// BenchmarkLiveUnderFlood times the events of a live client before a flood, during it, and during the same flood of a
// bare listener, which is the cost of attackers on the same machine.
func BenchmarkLiveUnderFlood(b *testing.B) {
	for kind := range floods {
		b.Run(kind, func(b *testing.B) {
			s := newSite(b)
			r := s.start("--log-level", "info")
			p := newProbe(b, s, dialRaw(b, r))
			for b.Loop() {
				calm := p.measureN(1000)
				during := func(address ...string) []time.Duration {
					connected, end := flood(b, kind, address...)
					defer end()
					p.measureWhile(func(int) bool { return !isClosed(connected) })
					return p.measureN(1000)
				}
				bare, busy := during(), during(r.address)
				for name, percent := range percentiles {
					b.ReportMetric(percentile(calm, percent), name+"-µs")
					b.ReportMetric(percentile(bare, percent), name+"-µs-beside")
					b.ReportMetric(percentile(busy, percent), name+"-µs-under")
				}
				b.ReportMetric(float64(r.memory())/(1<<20), "MiB")
			}
		})
	}
}
