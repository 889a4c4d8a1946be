package cli

import (
	"io"
	"sync/atomic"
	"time"
)

// Bounds of a LogSink. A relay that logs each decision at level debug writes about 200 bytes per line.
const (
	maxLogLines = 1000    // lines that wait for the sink
	maxLogBytes = 1 << 20 // their size

	flushLimit = time.Second            // the longest that Flush waits
	stallLimit = 100 * time.Millisecond // the longest that Flush waits for one line
)

// LogSink writes log lines in the background, so that a destination that accepts none delays no event: a full disk, a
// stopped terminal, or a pipe whose reader hangs or is gone. At most 1000 lines and 1 MiB wait; it drops and counts
// further lines, and lines that cannot be written. Lines that wait are lost if the process is killed.
type LogSink struct {
	out     io.Writer
	resumed func(dropped uint64) // called when lines are written again; dropped is their number since the last call

	lines    chan []byte
	progress chan struct{} // has a token if a line was taken from lines since the last receive
	waiting  atomic.Int64  // lines that are neither written nor dropped
	bytes    atomic.Int64  // their size
	dropped  atomic.Uint64
}

// newLogSink returns a sink for out. The caller runs it.
func newLogSink(out io.Writer) *LogSink {
	return &LogSink{
		out:      out,
		resumed:  func(uint64) {},
		lines:    make(chan []byte, maxLogLines),
		progress: make(chan struct{}, 1),
	}
}

// Write accepts or drops a line. It never blocks and never fails.
func (s *LogSink) Write(line []byte) (int, error) {
	s.waiting.Add(1)
	if s.bytes.Add(int64(len(line))) > maxLogBytes {
		s.drop(line)
		return len(line), nil
	}
	select {
	case s.lines <- append([]byte(nil), line...):
	default:
		s.drop(line)
	}
	return len(line), nil
}

func (s *LogSink) drop(line []byte) {
	s.bytes.Add(-int64(len(line)))
	s.waiting.Add(-1)
	s.dropped.Add(1)
}

// Dropped returns the number of lines that were dropped.
func (s *LogSink) Dropped() uint64 { return s.dropped.Load() }

// run writes lines until the process ends. A Write to out may block for ever, so run cannot be stopped.
func (s *LogSink) run() {
	var reported uint64
	for line := range s.lines {
		if _, err := s.out.Write(line); err != nil {
			s.drop(line)
		} else {
			s.bytes.Add(-int64(len(line)))
			if s.waiting.Add(-1) == 0 && s.Dropped() > reported {
				dropped := s.Dropped()
				s.resumed(dropped - reported)
				reported = dropped
			}
		}
		select {
		case s.progress <- struct{}{}:
		default:
		}
	}
}

// Flush waits until all lines are written, but at most a second, and at most 100 ms for a destination that accepts
// none.
func (s *LogSink) Flush() {
	limit := time.After(flushLimit)
	for s.waiting.Load() > 0 {
		select {
		case <-s.progress:
		case <-time.After(stallLimit):
			return
		case <-limit:
			return
		}
	}
}
