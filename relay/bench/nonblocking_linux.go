package bench

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The two system calls of the hot path never block. They bypass Go's scheduler, which otherwise prepares for each
// call to block; that took 5 % of the CPU time of a delivery.

// readNonblocking reads the available bytes of a nonblocking socket.
func readNonblocking(fd int32, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), errno
}

// pollReady fetches the events of an epoll instance that are ready.
func pollReady(epoll int, events []unix.EpollEvent) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), 0, 0, 0)
	return int(n), errno
}

// waitReadable waits until the epoll instance has an event, for limit at most.
func waitReadable(epoll int, limit time.Duration) error {
	timeout := unix.NsecToTimespec(int64(max(0, limit)))
	_, err := unix.Ppoll([]unix.PollFd{{Fd: int32(epoll), Events: unix.POLLIN}}, &timeout, nil)
	if err == unix.EINTR {
		return nil
	}
	return err
}
