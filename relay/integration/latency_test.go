//go:build linux

package integration_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"wpre-relay/relay/fanout/fanouttest"
)

// BenchmarkWriteToClient measures from the plugin's write to a client's read, one event right after the other, through
// the built program, and through a floor: a loop on the same library's notifications that reads the file at each and
// writes it to a socket, with no decisions at all. The ratio of the two is what deciding and remembering cost.
func BenchmarkWriteToClient(b *testing.B) {
	b.Run("relay", func(b *testing.B) {
		s := newSite(b)
		p := s.start("--log-level", "info")
		conn := dialRaw(b, p.address)
		measure(b, s, conn)
	})
	b.Run("floor", func(b *testing.B) {
		s := newSite(b)
		measure(b, s, startFloor(b, s.file))
	})
}

// dialRaw opens a WebSocket by hand, so that the client costs the same as the floor's.
func dialRaw(b *testing.B, address string) net.Conn {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	const handshake = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	if _, err := io.WriteString(conn, handshake); err != nil {
		b.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil) // nothing is sent before the first event
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		b.Fatalf("%v, %v", response, err)
	}
	return conn
}

// measure times the way of one event at a time and reports the median and the 99th percentile.
func measure(b *testing.B, s *site, conn net.Conn) {
	const first = 1_000_000_000 // all documents have one length
	frame := make([]byte, len(fanouttest.TextFrame([]byte(document(first)))))
	var times []time.Duration
	for n := first; b.Loop(); n++ {
		start := time.Now()
		s.write(n)
		if _, err := io.ReadFull(conn, frame); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}

// startFloor starts the floor as a process of its own and returns a client's connection to it.
func startFloor(b *testing.B, file string) net.Conn {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floorVariable+"="+file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimSpace(address))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return conn
}

// floorVariable has the test's binary run the floor for the file that it names.
const floorVariable = "WPRE_TEST_FLOOR"

// runFloor sends the file's content to one client, as a frame, whenever it is notified and the content is new.
func runFloor(file string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	if err := notify.Add(filepath.Dir(file)); err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	last := ""
	for range notify.Events {
		content, err := os.ReadFile(file)
		if err != nil || len(content) == 0 || string(content) == last {
			continue
		}
		last = string(content)
		if _, err := conn.Write(fanouttest.TextFrame(content)); err != nil {
			return err
		}
	}
	return nil
}
