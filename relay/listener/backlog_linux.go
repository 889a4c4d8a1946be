package listener

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// backlog returns the number of clients that have connected to a TCP listener and wait to be accepted, or 0 if it is
// unknown. Of a listening socket, tcp_get_info in the kernel reports that number as unacked.
func backlog(listener net.Listener) (n int) {
	socket, ok := listener.(*net.TCPListener)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO); err == nil {
			n = int(info.Unacked)
		}
	})
	return n
}
