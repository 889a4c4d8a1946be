package fanout

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// giveUp has the connection fail when what was sent is not acknowledged for so long (tcp(7), TCP_USER_TIMEOUT; RFC
// 5482): a client that does not answer pings is otherwise missed after a quarter of an hour only.
func giveUp(conn net.Conn, after time.Duration) {
	tcp := below(conn)
	if tcp == nil {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(after.Milliseconds()))
		})
	}
}
