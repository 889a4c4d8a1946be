//go:build !linux

package main

// isOn reports false: the benchmarks need Linux.
func isOn(dir, fileSystem string) bool { return false }

// maxOpenFiles returns 0: the limit is unknown.
func maxOpenFiles() uint64 { return 0 }
