package fanout

import (
	"io"
	"syscall"
	"unsafe"
)

// readNonblocking reads what is there, which may be nothing. Go's sockets are nonblocking.
func readNonblocking(fd int, p []byte) (int, error) {
	n, err := transfer(syscall.SYS_READ, fd, p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return mayBeNothing(n, err)
}

// writeNonblocking writes what of p the socket takes now, which may be nothing.
func writeNonblocking(fd int, p []byte) (int, error) {
	return mayBeNothing(transfer(syscall.SYS_WRITE, fd, p))
}

// transfer calls read(2) or write(2). The scheduler is not told, since the call does not wait: to tell it would cost
// about a tenth of a delivery.
func transfer(call uintptr, fd int, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

func mayBeNothing(n int, err error) (int, error) {
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return n, err
}
