package bench

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The two calls of the hot path return at once by their nature. So they are made raw, without a word to Go's scheduler,
// which would prepare for each to block: that took 5 % of the CPU time of a delivery.

// readNow reads what has come on a nonblocking socket.
func readNonblocking(fd int32, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), errno
}

// pollNow fetches what there is to an epoll instance.
func pollReady(epoll int, events []unix.EpollEvent) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), 0, 0, 0)
	return int(n), errno
}

// await waits until there is something to the epoll instance, but no longer than the given time.
func waitReadable(epoll int, atMost time.Duration) error {
	timeout := unix.NsecToTimespec(int64(max(0, atMost)))
	_, err := unix.Ppoll([]unix.PollFd{{Fd: int32(epoll), Events: unix.POLLIN}}, &timeout, nil)
	if err == unix.EINTR {
		return nil
	}
	return err
}
