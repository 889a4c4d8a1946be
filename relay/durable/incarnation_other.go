//go:build !linux && !darwin

package durable

// incarnation returns no identifiers: this system offers none. After a kill, numbers that may have been assigned are
// skipped, and clients get a gap notice.
func incarnation(string) Incarnation { return Incarnation{} }
