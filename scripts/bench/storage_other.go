//go:build !linux

package main

// isOn reports false: the benchmarks need Linux.
func isOn(dir, fileSystem string) bool { return false }
