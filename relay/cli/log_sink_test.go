package cli

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// gate is a writer that accepts lines while open is closed, and fails them with err.
type gate struct {
	open  chan struct{}
	lines []string
	err   error
}

func (g *gate) Write(line []byte) (int, error) {
	<-g.open
	g.lines = append(g.lines, string(line))
	return len(line), g.err
}

// runSink runs a sink in the bubble of the test.
func runSink(t *testing.T, g *gate) *LogSink {
	t.Helper()
	sink := newLogSink(g)
	ended := make(chan struct{})
	go func() { defer close(ended); sink.run() }()
	t.Cleanup(func() { close(sink.lines); <-ended })
	return sink
}

// TestBlockedLogDropsAndCountsLines blocks the log, and then lets it write.
func TestBlockedLogDropsAndCountsLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		sink := runSink(t, g)
		var reports []uint64
		sink.resumed = func(dropped uint64) { reports = append(reports, dropped) }
		sink.Write([]byte("first\n"))
		synctest.Wait() // the first line is on its way to the log
		for range maxLogLines + 7 {
			if n, err := sink.Write([]byte("line\n")); n != 5 || err != nil {
				t.Fatalf("Write returns %d, %v", n, err)
			}
		}
		if sink.Dropped() != 7 {
			t.Errorf("%d lines are dropped, want 7", sink.Dropped())
		}
		close(g.open)
		sink.Flush()
		synctest.Wait()
		if len(g.lines) != maxLogLines+1 || g.lines[0] != "first\n" || len(reports) != 1 || reports[0] != 7 {
			t.Errorf("the log has %d lines, reports %v", len(g.lines), reports)
		}
		sink.Write([]byte("last\n"))
		synctest.Wait()
		if sink.Dropped() != 7 || g.lines[len(g.lines)-1] != "last\n" {
			t.Errorf("after a drop: %d dropped, the last line is %q", sink.Dropped(), g.lines[len(g.lines)-1])
		}
	})
}

func TestWaitingLogLinesAreBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		sink := runSink(t, g)
		long := []byte(strings.Repeat("x", maxLogBytes/4))
		for range 10 {
			sink.Write(long)
		}
		if sink.Dropped() != 6 {
			t.Errorf("%d lines are dropped, want 6", sink.Dropped())
		}
		close(g.open)
	})
}

func TestFlushDoesNotWaitForBlockedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		sink := runSink(t, g)
		sink.Write([]byte("line\n"))
		start := time.Now()
		sink.Flush()
		if waited := time.Since(start); waited != stallLimit {
			t.Errorf("Flush waits for %s, want %s", waited, stallLimit)
		}
		close(g.open)
	})
}

func TestFailedLogLinesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{}), err: errors.New("broken pipe")}
		close(g.open)
		sink := runSink(t, g)
		sink.Write([]byte("line\n"))
		sink.Flush()
		if sink.Dropped() != 1 {
			t.Errorf("%d lines are dropped, want 1", sink.Dropped())
		}
	})
}
