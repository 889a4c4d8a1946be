//go:build !linux

package eventlog

// bootID returns "", because this system offers no identifier of its boot. Open therefore cannot detect a system
// crash, and may reuse sequence numbers of events that were not synced to disk.
func bootID() string { return "" }
