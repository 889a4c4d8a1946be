//go:build !linux

package process

// limitMemory is for Linux, which has control groups.
func limitMemory() {}
