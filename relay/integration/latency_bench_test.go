//go:build linux

package integration_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"wpre-relay/relay/fanout/fanouttest"
)

// probe times single events, from the plugin's write to a client's read.
type probe struct {
	b      *testing.B
	site   *site
	conn   net.Conn
	reader *bufio.Reader // of conn
	last   int           // number of the last event
}

// newProbe returns a probe that writes to a site and reads from a WebSocket connection.
func newProbe(b *testing.B, s *site, conn net.Conn) *probe {
	const first = 1_000_000_000 // all documents have the same length
	return &probe{b: b, site: s, conn: conn, reader: bufio.NewReader(conn), last: first}
}

// connect replaces the connection.
func (p *probe) connect(conn net.Conn) {
	p.conn.Close()
	p.conn = conn
	p.reader.Reset(conn)
}

// measure returns the time of one event.
func (p *probe) measure() time.Duration {
	p.last++
	start := time.Now()
	p.site.write(p.last)
	for {
		opcode, err := p.readFrame()
		if err != nil {
			p.b.Fatal(err)
		}
		if opcode == textFrame {
			return time.Since(start)
		}
	}
}

// readFrame reads a frame of less than 126 bytes and returns its first byte. It answers a ping.
func (p *probe) readFrame() (opcode byte, err error) {
	var header [2]byte
	if _, err := io.ReadFull(p.reader, header[:]); err != nil {
		return 0, err
	}
	payload := make([]byte, header[1])
	if _, err := io.ReadFull(p.reader, payload); err != nil {
		return 0, err
	}
	if header[0] == pingFrame {
		_, err = io.WriteString(p.conn, fanouttest.Masked(pongFrame, string(payload)))
	}
	return header[0], err
}

// measureWhile returns the sorted times of events while next returns true. A millisecond passes between two events.
func (p *probe) measureWhile(next func(i int) bool) (times []time.Duration) {
	for i := 0; next(i); i++ {
		times = append(times, p.measure())
		time.Sleep(time.Millisecond)
	}
	slices.Sort(times)
	return times
}

// measureN returns the sorted times of n events.
func (p *probe) measureN(n int) []time.Duration {
	return p.measureWhile(func(i int) bool { return i < n })
}

// percentiles are the percentiles that the benchmarks report.
var percentiles = map[string]int{"p50": 50, "p99": 99}

// percentile returns a percentile of sorted times in microseconds.
func percentile(sorted []time.Duration, percent int) float64 {
	return float64(sorted[len(sorted)*percent/100].Nanoseconds()) / 1000
}

// dialRaw connects a WebSocket client that reads from its connection directly, as the client of the baseline does.
func dialRaw(b *testing.B, r *relay) net.Conn {
	conn, reader := r.upgrade("")
	if n := reader.Buffered(); n > 0 {
		b.Fatalf("%d bytes precede the first event", n)
	}
	conn.SetDeadline(time.Time{})
	return conn
}

// BenchmarkWriteToClient times events that follow each other at once, through the relay and through a baseline. The
// baseline reads the file on each notification of the same library and writes it to a socket. It decides nothing and
// keeps nothing, so the ratio of the two is the cost of both.
func BenchmarkWriteToClient(b *testing.B) {
	b.Run("relay", func(b *testing.B) {
		s := newSite(b)
		benchmarkWriteToClient(b, newProbe(b, s, dialRaw(b, s.start("--log-level", "info"))))
	})
	b.Run("baseline", func(b *testing.B) {
		s := newSite(b)
		benchmarkWriteToClient(b, newProbe(b, s, startBaseline(b, s.file)))
	})
}

func benchmarkWriteToClient(b *testing.B, p *probe) {
	var times []time.Duration
	for b.Loop() {
		times = append(times, p.measure())
	}
	slices.Sort(times)
	for name, percent := range percentiles {
		b.ReportMetric(percentile(times, percent), name+"-µs")
	}
}

// startBaseline starts the baseline and returns the connection of its client.
func startBaseline(b *testing.B, file string) net.Conn {
	cmd := helper(b, "baseline", file)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	address, err := bufio.NewReader(stdout).ReadString('\n')
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

// runBaseline is a helper. It sends the content of a file to one client as a frame, on each notification on which the
// content has changed.
func runBaseline(args []string) error {
	file := args[0]
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
