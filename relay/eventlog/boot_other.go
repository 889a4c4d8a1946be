//go:build !linux

package eventlog

// bootID cannot be told here: after the system went down, numbers that were not on the disk are given out again.
func bootID() string { return "" }
