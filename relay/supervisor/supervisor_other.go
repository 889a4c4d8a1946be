//go:build !linux

// Package supervisor does nothing on this system; see supervisor_linux.go.
package supervisor

// Run returns that the program is not supervised.
func Run() (status int, supervised bool) { return 0, false }
