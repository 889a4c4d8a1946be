package bench

import (
	"fmt"
	"io"
	"time"
)

// progress writes the progress of a run at a fixed interval.
type progress struct {
	out      io.Writer
	rewrite  bool // overwrite one line, on a terminal
	interval time.Duration
	next     time.Duration // time of the next report
}

func newProgress(out io.Writer, rewrite bool) progress {
	every := time.Second
	if rewrite {
		every = 200 * time.Millisecond
	}
	return progress{out: out, rewrite: rewrite, interval: every, next: every}
}

// report writes the result of text if a report is due.
func (p *progress) report(now time.Duration, text func() string) {
	switch {
	case now < p.next:
		return
	case p.rewrite:
		fmt.Fprintf(p.out, "\r%s\x1b[K", text())
	default:
		fmt.Fprintln(p.out, text())
	}
	p.next = now + p.interval
}

// clear erases the line on a terminal.
func (p *progress) clear() {
	if p.rewrite {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
