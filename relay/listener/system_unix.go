//go:build unix

package listener

import (
	"cmp"
	"syscall"
)

// maxOpenFiles returns the number of files and sockets that the process may have open, or 0 if it is unknown. The Go
// runtime has already raised the soft limit to the hard limit.
func maxOpenFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<30))
}

// limitBuffers sets the buffer sizes of a listening socket. The sockets that it accepts inherit them. The signature
// suits net.ListenConfig.Control.
func limitBuffers(_, _ string, listener syscall.RawConn) (err error) {
	if e := listener.Control(func(fd uintptr) {
		err = cmp.Or(
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, sendBuffer),
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer),
		)
	}); e != nil {
		return e
	}
	return err
}
