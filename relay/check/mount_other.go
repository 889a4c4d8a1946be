//go:build !linux

package check

// isMountPoint reports false: this system has no /proc.
func isMountPoint(string) bool { return false }
