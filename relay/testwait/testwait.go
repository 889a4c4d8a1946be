// Package testwait lets tests wait for a condition. It holds the one limit on such waits, and only tests import it.
package testwait

import (
	"context"
	"testing"
	"time"
)

// Limit bounds each wait. A wait ends when its condition is true, so the limit costs time only in a test that fails.
// It is far above what any condition needs, because a busy machine with two cores delays processes by seconds.
const Limit = 30 * time.Second

// interval is the time between two looks at a condition.
const interval = time.Millisecond

// Until waits until ok returns true and reports whether it did within Limit. The caller's failure message can then
// describe the last state.
func Until(ok func() bool) bool {
	for deadline := time.Now().Add(Limit); !ok(); time.Sleep(interval) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Context returns a context that ends after Limit or with the test.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Limit)
	t.Cleanup(cancel)
	return ctx
}
