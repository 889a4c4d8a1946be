//go:build unix

package ws

import (
	"errors"
	"io"
	"syscall"
)

// readNonblocking reads what is there, which may be nothing. Go's sockets are nonblocking.
func readNonblocking(fd uintptr, p []byte) (int, error) {
	n, err := retry(syscall.Read, fd, p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return mayBeNothing(n, err)
}

// writeNonblocking writes what of p the socket takes now, which may be nothing.
func writeNonblocking(fd uintptr, p []byte) (int, error) {
	return mayBeNothing(retry(syscall.Write, fd, p))
}

func retry(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		if n, err := call(int(fd), p); !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

func mayBeNothing(n int, err error) (int, error) {
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, nil
	case err != nil:
		return 0, err
	default:
		return n, nil
	}
}
