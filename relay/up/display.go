//go:build linux

package up

import (
	"fmt"
	"io"
	"time"

	"wpre-relay/relay/progress"
)

// display prints each step with its time. On a terminal, the running step has a line that its result replaces;
// elsewhere each result is one plain line.
type display struct {
	out     io.Writer
	running progress.Line
}

func newDisplay(opts Options) display {
	d := display{out: opts.Out}
	if opts.Terminal {
		d.running = progress.Line{Out: opts.Out, Terminal: true}
	}
	return d
}

// step shows the name of a step that begins, and returns a function that prints its result.
func (d display) step(name string) (end func(err error)) {
	start := time.Now()
	d.running.Show("...   " + name)
	return func(err error) {
		label := "OK  "
		if err != nil {
			label = "FAIL"
		}
		d.running.Clear()
		fmt.Fprintf(d.out, "%s  %s (%s)\n", label, name, rounded(time.Since(start)))
	}
}

// rounded returns a duration with about three digits.
func rounded(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
