//go:build linux

package integration_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog/enginetest"
)

func TestHealthcheckAndTail(t *testing.T) {
	s := newSite(t)
	p := s.start()
	if text, status := output(t, command(t, "healthcheck", "--listen", p.address)); status != 0 {
		t.Errorf("healthcheck: exit status %d:\n%s", status, text)
	}
	tail := command(t, "tail", p.address)
	lines, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	s.write(1) // before or after tail connects: it gets it once
	reader := bufio.NewReader(lines)
	read := func() string {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
	for n := 2; ; n++ { // until tail is there
		if p.status().Server.Clients == 1 {
			s.write(n)
			for got := read(); got != document(n); got = read() {
			}
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := tail.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(reader); err != nil {
		t.Fatal(err)
	}
	if err := tail.Wait(); err != nil {
		t.Errorf("tail: %v", err)
	}
}

// TestTailGoesOnWhereItWas kills the relay under it, and writes while nobody listens.
func TestTailGoesOnWhereItWas(t *testing.T) {
	s := newSite(t)
	s.write(1)
	p := s.start()
	tail := command(t, "tail", "--last", "1", p.address)
	lines, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tail.Process.Kill(); tail.Wait() })
	reader := bufio.NewReader(lines)
	for n := 1; n <= 4; n++ {
		if n > 1 {
			p.stop(os.Kill)
			s.write(n)
			p = s.start("--listen", p.address)
		}
		if got, err := reader.ReadString('\n'); err != nil || strings.TrimSpace(got) != document(n) {
			t.Fatalf("tail prints %q, %v, want %s", got, err, document(n))
		}
	}
}

func TestTheDemoShowsEvents(t *testing.T) {
	text, status := output(t, command(t, "demo", "--listen", enginetest.FreePort(t), "--page-listen", "127.0.0.1:0", "--every", "1ms", "--count", "20"))
	if got := len(regexp.MustCompile(`(?m)^after +[0-9.]+ ms  \{"timestamp":`).FindAllString(text, -1)); status != 0 || got != 20 {
		t.Errorf("exit status %d, %d events:\n%s", status, got, text)
	}
}

// measured is what bench --json prints, as far as it is tested here.
type measured struct {
	Connected   int
	Deliveries  int
	Lost        *int
	Repeated    *int
	CPU         *float64                    `json:"cpu_per_delivery_us"`
	ClientBytes struct{ Idle, Peak *int64 } `json:"client_bytes"`
}

// benchmark runs the program's bench and returns what it found out.
func benchmark(t *testing.T, args ...string) (m measured) {
	t.Helper()
	cmd := command(t, append([]string{"bench", "--json", "--settle", "0", "--every", "1ms"}, args...)...)
	var progress bytes.Buffer
	cmd.Stderr = &progress
	out, err := cmd.Output()
	if err := errors.Join(err, json.Unmarshal(out, &m)); err != nil {
		t.Fatalf("%v\n%s%s", err, out, progress.String())
	}
	return m
}

func TestBenchMeasuresARelayOfItsOwn(t *testing.T) {
	m := benchmark(t, "--clients", "50", "--events", "20")
	if m.Connected != 50 || m.Deliveries != 50*20 || *m.Lost != 0 || *m.Repeated != 0 || *m.CPU <= 0 || m.ClientBytes.Peak == nil {
		t.Errorf("got %+v", m)
	}
}

func TestBenchMeasuresAnyServer(t *testing.T) {
	s := newSite(t)
	s.write(1_000_000_000)
	p := s.start() // whose clients get this first, which is none of bench's events
	m := benchmark(t, "--clients", "20", "--events", "10", "--size", "200KiB", "--url", "ws://"+p.address+"/x", "--write", s.file)
	if m.Deliveries != 20*10 || *m.Lost != 0 || *m.Repeated != 0 || m.CPU != nil {
		t.Errorf("without --pid: got %+v", m)
	}
	m = benchmark(t, "--clients", "20", "--events", "10", "--url", "ws://"+p.address, "--write", s.file, "--pid", fmt.Sprint(p.cmd.Process.Pid))
	if m.Deliveries != 20*10 || *m.Lost != 0 || *m.Repeated != 0 || *m.CPU <= 0 {
		t.Errorf("with --pid: got %+v", m)
	}
}

// TestBenchEndsWithATableWhenInterrupted interrupts it when it says that events are under way.
func TestBenchEndsWithATableWhenInterrupted(t *testing.T) {
	cmd := command(t, "bench", "--clients", "10", "--events", "1000000", "--every", "1ms", "--settle", "0")
	var table bytes.Buffer
	cmd.Stdout = &table
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	said, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || !strings.Contains(said, "10 clients, event ") {
		t.Errorf("got %q, %v", said, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(stderr)
	if err := cmd.Wait(); err != nil || !strings.Contains(table.String(), ", 0 lost, 0 repeated") {
		t.Errorf("%v\n%s%s", err, rest, table.String())
	}
}
