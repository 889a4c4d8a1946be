//go:build !linux

package fanout

// delivered cannot be told here; mostly it is.
func delivered(int) bool { return true }
