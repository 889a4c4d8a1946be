package fanout

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout makes the connection fail if sent bytes are not acknowledged for that long (TCP_USER_TIMEOUT,
// tcp(7); RFC 5482). An SSE client does not answer pings, so its loss would otherwise be noticed after a quarter of
// an hour.
func setUserTimeout(conn net.Conn, timeout time.Duration) {
	tcp := tcpConn(conn)
	if tcp == nil {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
		})
	}
}
