package bench

import (
	"fmt"
	"io"
	"time"
)

// progress says how far a run is.
type progress struct {
	out      io.Writer
	rewrite  bool // say it in one line, on a terminal
	interval time.Duration
	next     time.Duration // when something is to be said again
}

func newProgress(out io.Writer, rewrite bool) progress {
	every := time.Second
	if rewrite {
		every = 200 * time.Millisecond
	}
	return progress{out: out, rewrite: rewrite, interval: every, next: every}
}

// say says what text returns, if it is time to.
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

// end takes the line away.
func (p *progress) clear() {
	if p.rewrite {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
