//go:build linux

package up

import (
	"fmt"
	"io"
	"time"
)

// progress prints each step with its time. On a terminal, the running step has a line that its result overwrites;
// elsewhere each result is one plain line.
type progress struct {
	out      io.Writer
	terminal bool
}

// step prints the name of a step that begins, and returns a function that prints its result.
func (p progress) step(name string) (end func(err error)) {
	start := time.Now()
	if p.terminal {
		fmt.Fprintf(p.out, "...   %s", name)
	}
	return func(err error) {
		label := "OK  "
		if err != nil {
			label = "FAIL"
		}
		if p.terminal {
			fmt.Fprint(p.out, "\r\x1b[K")
		}
		fmt.Fprintf(p.out, "%s  %s (%s)\n", label, name, rounded(time.Since(start)))
	}
}

// rounded returns a duration with about three digits.
func rounded(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
