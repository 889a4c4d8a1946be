package fanout

import "golang.org/x/sys/unix"

// unacked reports whether bytes that were written are not acknowledged by the client's kernel, or whether the
// client has reset the connection. It resets it if it closes it with bytes that its program has not read.
func unacked(d descriptor) bool {
	unacked := true
	d.raw.Control(func(fd uintptr) {
		failure, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil || failure != 0 {
			return
		}
		queued, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		unacked = err != nil || queued != 0
	})
	return unacked
}
