//go:build !linux

package eventlog

// bootID returns "", because this system offers no identifier of its boot. Without one, Open does not skip sequence
// numbers after the system went down, and reuses those that were not on the disk yet.
func bootID() string { return "" }
