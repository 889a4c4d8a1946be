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
	"os/exec"
	"strings"
	"testing"
)

func TestHealthcheckSucceeds(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	if text, status := run(t, command(t, "healthcheck", "--listen", r.address)); status != 0 {
		t.Errorf("exit status %d:\n%s", status, text)
	}
}

// startTail starts the command tail and returns it and its standard output.
func startTail(t *testing.T, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	tail := command(t, append([]string{"tail"}, args...)...)
	lines, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tail.Process.Kill(); tail.Wait() })
	return tail, bufio.NewReader(lines)
}

func TestTailPrintsEventsUntilInterrupted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start()
	tail, lines := startTail(t, r.address)
	r.waitForClients(1)
	for n := 1; n <= 2; n++ {
		s.write(n)
		if got, err := lines.ReadString('\n'); err != nil || strings.TrimSpace(got) != document(n) {
			t.Fatalf("tail prints %q, %v, want %s", got, err, document(n))
		}
	}
	if err := tail.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("tail prints %q, %v, want the end", rest, err)
	}
	if err := tail.Wait(); err != nil {
		t.Errorf("tail: %v", err)
	}
}

// benchResult is the part of the output of bench --json that the tests check.
type benchResult struct {
	Connected   int
	Deliveries  int
	Lost        *int
	Repeated    *int
	CPU         *float64                    `json:"cpu_per_delivery_us"`
	ClientBytes struct{ Idle, Peak *int64 } `json:"client_bytes"`
}

// bench runs the command bench. Tests that call it are not parallel: without a processor to read it at once, an event
// may be overwritten, which bench counts as lost.
func bench(t *testing.T, args ...string) (result benchResult) {
	t.Helper()
	cmd := command(t, append([]string{"bench", "--json", "--settle", "0", "--every", "1ms"}, args...)...)
	var progress bytes.Buffer
	cmd.Stderr = &progress
	out, err := cmd.Output()
	if err := errors.Join(err, json.Unmarshal(out, &result)); err != nil {
		t.Fatalf("%v\n%s%s", err, out, progress.String())
	}
	return result
}

func TestBenchMeasuresItsOwnRelay(t *testing.T) {
	got := bench(t, "--clients", "50", "--events", "20")
	if got.Connected != 50 || got.Deliveries != 50*20 || *got.Lost != 0 || *got.Repeated != 0 || *got.CPU <= 0 ||
		got.ClientBytes.Peak == nil {
		t.Errorf("got %+v", got)
	}
}

func TestBenchMeasuresAnyServer(t *testing.T) {
	s := newSite(t)
	s.write(1_000_000_000)
	r := s.start() // its clients get event 1,000,000,000 first, which bench did not write
	got := bench(t, "--clients", "20", "--events", "10", "--size", "200KiB", "--url", "ws://"+r.address+"/x",
		"--write", s.file)
	if got.Deliveries != 20*10 || *got.Lost != 0 || *got.Repeated != 0 || got.CPU != nil {
		t.Errorf("without --pid: got %+v", got)
	}
	got = bench(t, "--clients", "20", "--events", "10", "--url", "ws://"+r.address, "--write", s.file,
		"--pid", fmt.Sprint(r.cmd.Process.Pid))
	if got.Deliveries != 20*10 || *got.Lost != 0 || *got.Repeated != 0 || *got.CPU <= 0 {
		t.Errorf("with --pid: got %+v", got)
	}
}

// TestInterruptedBenchPrintsTable interrupts bench after its first report of progress.
func TestInterruptedBenchPrintsTable(t *testing.T) {
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
	progress, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || !strings.Contains(progress, "10 clients, event ") {
		t.Errorf("got %q, %v", progress, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(stderr)
	if err := cmd.Wait(); err != nil || !strings.Contains(table.String(), ", 0 lost, 0 repeated") {
		t.Errorf("%v\n%s%s", err, rest, table.String())
	}
}
