// Package testwait lets tests wait for a condition. It holds the one limit on such waits, and only tests import it.
package testwait

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Limit bounds each wait. A wait ends when its condition is true, so the limit costs time only in a test that fails.
// It is far above what any condition needs, because a busy machine with two cores delays processes by tens of seconds.
const Limit = 2 * time.Minute

const (
	// minInterval and maxInterval bound the time between two looks at a condition. It grows with the wait: many
	// conditions ask a process for its state, and if all waiting tests did so every millisecond, they would take the
	// processors from that process.
	minInterval = time.Millisecond
	maxInterval = 20 * time.Millisecond

	// looks is the part of the time since the start of a wait that may pass until the next look. So a wait takes at
	// most a sixteenth longer than its condition, or maxInterval.
	looks = 16
)

// Until waits until ok returns true and reports whether it did within Limit. The caller's failure message can then
// describe the last state.
func Until(ok func() bool) bool {
	for start := time.Now(); !ok(); {
		waited := time.Since(start)
		if waited > Limit {
			return false
		}
		time.Sleep(min(max(waited/looks, minInterval), maxInterval))
	}
	return true
}

// Context returns a context that ends after Limit or with the test.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Limit)
	t.Cleanup(cancel)
	return ctx
}

// UntilStopped waits until all threads of a process have stopped, and reports whether they did. SIGSTOP takes effect
// later than kill(2) returns, so the process may still answer what a test sends it. On systems without /proc it
// returns at once.
func UntilStopped(pid int) bool {
	return Until(func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // the pattern is valid
		return !slices.ContainsFunc(threads, func(thread string) bool {
			stat, err := os.ReadFile(thread)
			return err == nil && !bytes.Contains(stat, []byte(") T ")) // proc_pid_stat(5): the state follows the name
		})
	})
}
