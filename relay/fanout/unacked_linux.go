package fanout

import "golang.org/x/sys/unix"

// unacked reports whether bytes that were written are not acknowledged by the client's kernel, or whether the
// client has reset the connection. It resets it if it closes it with bytes that its program has not read.
func unacked(d descriptor) bool {
	failed := true
	d.raw.Control(func(fd uintptr) {
		failure, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		failed = err != nil || failure != 0
	})
	return failed || unackedBytes(d) != 0
}

// unackedBytes returns the number of bytes that were written and that the client's kernel has not acknowledged, or -1
// if the connection is closed.
func unackedBytes(d descriptor) (n int) {
	n = -1
	d.raw.Control(func(fd uintptr) {
		if queued, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			n = queued
		}
	})
	return n
}
