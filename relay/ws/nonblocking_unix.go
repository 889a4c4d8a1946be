//go:build unix

package ws

import (
	"errors"
	"syscall"
)

// writeNonblocking writes what of p the socket takes now, which may be nothing. Go's sockets are nonblocking.
func writeNonblocking(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case err != nil:
			return 0, err
		default:
			return n, nil
		}
	}
}
