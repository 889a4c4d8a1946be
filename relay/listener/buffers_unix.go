//go:build unix

package listener

import (
	"cmp"
	"syscall"
)

// maxOpenFiles returns how many files and sockets the process may have open, 0 if that is unknown. Go has raised
// the limit as far as it may.
func maxOpenFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<30))
}

// boundBuffers has the sockets that a listening one accepts hold no more than sendBuffer and receiveBuffer.
func boundBuffers(_, _ string, listener syscall.RawConn) (err error) {
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
