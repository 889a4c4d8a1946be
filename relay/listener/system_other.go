//go:build !unix

package listener

import "syscall"

// maxOpenFiles returns 0: the system has no such limit.
func maxOpenFiles() int { return 0 }

// limitBuffers does nothing: the system sizes the buffers itself.
func limitBuffers(_, _ string, _ syscall.RawConn) error { return nil }
