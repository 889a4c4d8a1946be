package listener

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// transfer calls read(2) or write(2), again if a signal interrupts it. The call does not wait, so Go's scheduler is not
// involved.
func transfer(call uintptr, fd int, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// Detach returns the descriptor, which the caller must close, and closes the connection. It reports false if the
// connection has waited or is closed.
func (c *directConn) Detach() (fd int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd, c.fd = c.fd, -1
	return fd, fd >= 0
}

// RemoteAddr implements net.Conn. The address has no IPv6 zone.
func (c *directConn) RemoteAddr() net.Addr { return c.remote }

// LocalAddr implements net.Conn.
func (c *directConn) LocalAddr() net.Addr {
	var local net.TCPAddr
	c.control(func(fd int) error {
		address, err := unix.Getsockname(fd)
		if err == nil {
			local = *net.TCPAddrFromAddrPort(addrPort(address))
		}
		return err
	})
	return &local
}

// SetLinger sets SO_LINGER, as of net.TCPConn.
func (c *directConn) SetLinger(seconds int) error {
	linger := unix.Linger{Onoff: 1, Linger: int32(seconds)}
	if seconds < 0 {
		linger = unix.Linger{}
	}
	return c.control(func(fd int) error { return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &linger) })
}

// Drop resets the connection because its network opens too many. It makes the listener ignore further ones for a while
// if there are many.
func (c *directConn) Drop() {
	c.flood.count(c.remote.AddrPort().Addr().Unmap())
	c.SetLinger(0)
	c.Close()
}

// control calls f with the descriptor, which is not closed before f returns.
func (c *directConn) control(f func(fd int) error) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.fd >= 0:
		return f(c.fd)
	case c.file == nil:
		return net.ErrClosed
	}
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	if closed := raw.Control(func(fd uintptr) { err = f(int(fd)) }); closed != nil {
		return net.ErrClosed
	}
	return err
}

// SyscallConn implements syscall.Conn. The caller may wait for the connection.
func (c *directConn) SyscallConn() (syscall.RawConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		if c.fd < 0 {
			return nil, net.ErrClosed
		}
		c.wait()
	}
	return c.file.SyscallConn()
}
