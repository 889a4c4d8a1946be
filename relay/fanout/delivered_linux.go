package fanout

import "golang.org/x/sys/unix"

// delivered reports whether the other end has acknowledged all that was written, and did not reset the connection, as it
// does when it is closed with something unread.
func delivered(fd int) bool {
	failure, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || failure != 0 {
		return false
	}
	waiting, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	return err == nil && waiting == 0
}
