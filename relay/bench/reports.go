package bench

import (
	"time"

	"wpre-relay/relay/progress"
)

// reports shows the state of a run at a fixed interval.
type reports struct {
	line     progress.Line
	interval time.Duration
	next     time.Duration // time of the next report
}

func newReports(line progress.Line) reports {
	every := time.Second
	if line.Terminal {
		every = 200 * time.Millisecond
	}
	return reports{line: line, interval: every, next: every}
}

// show shows the result of text if a report is due.
func (r *reports) show(now time.Duration, text func() string) {
	if now >= r.next {
		r.line.Show(text())
		r.next = now + r.interval
	}
}
