package fanout

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// firstDescriptor is the lowest number of a socket, so that a socket never is standard input or output.
const firstDescriptor = 3

// socket is a TCP connection that the package has taken over from package net. That saves most of the memory of a
// client: package net and Go's runtime keep 600 bytes for a connection, and the socket 32.
//
// Only the shard's goroutine closes a socket that has joined it, so it may use the number without mu. Other goroutines
// use it by Control only. So no call can hit another connection that got the same number. It implements
// syscall.RawConn.
type socket struct {
	mu      sync.Mutex
	fd      int32    // -1 once closed; written under mu
	waiting uint16   // calls of wait; guarded by mu
	port    uint16   // of the client
	ip      [16]byte // of the client
}

// takeSocket takes over the connection of tcp, which it closes. If it fails, tcp remains open.
func takeSocket(tcp tcpSocket) (*socket, error) {
	fd, err := takeFD(tcp)
	if err != nil {
		return nil, err
	}
	s := &socket{fd: int32(fd)}
	if addr, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		s.ip, s.port = addr.AddrPort().Addr().As16(), addr.AddrPort().Port()
	}
	return s, nil
}

// takeFD returns the descriptor of tcp and closes tcp. It returns a duplicate unless tcp can give its own away.
func takeFD(tcp tcpSocket) (fd int, err error) {
	if own, ok := tcp.(interface{ Detach() (fd int, ok bool) }); ok {
		if fd, ok := own.Detach(); ok {
			return fd, nil
		}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	closed := raw.Control(func(number uintptr) {
		fd, err = unix.FcntlInt(number, unix.F_DUPFD_CLOEXEC, firstDescriptor)
	})
	switch {
	case closed != nil:
		return -1, closed
	case err != nil:
		return -1, os.NewSyscallError("fcntl", err)
	}
	tcp.Close()
	return fd, nil
}

// remoteAddr returns the client's address, also after the end of the connection. It has no IPv6 zone.
func (s *socket) remoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(s.ip).Unmap(), s.port))
}

// Control implements syscall.RawConn. The socket is not closed before f returns.
func (s *socket) Control(f func(fd uintptr)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	f(uintptr(s.fd))
	return nil
}

// Read implements syscall.RawConn.
func (s *socket) Read(done func(fd uintptr) bool) error {
	return s.wait(func(raw syscall.RawConn) error { return raw.Read(done) })
}

// Write implements syscall.RawConn. It fails after stallTimeout.
func (s *socket) Write(done func(fd uintptr) bool) error {
	return s.wait(func(raw syscall.RawConn) error { return raw.Write(done) })
}

// wait calls f with a duplicate of the descriptor that Go's runtime polls, which few clients need at a time.
func (s *socket) wait(f func(raw syscall.RawConn) error) error {
	fd := -1
	var err error
	closed := s.Control(func(number uintptr) {
		if fd, err = unix.FcntlInt(number, unix.F_DUPFD_CLOEXEC, firstDescriptor); err == nil {
			s.waiting++
		}
	})
	switch {
	case closed != nil:
		return closed
	case err != nil:
		return os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer s.waited(file)
	if err := file.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	return f(raw)
}

// waited ends a call of wait.
func (s *socket) waited(file *os.File) {
	file.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
}

// close closes the socket. If abort is set, it drops what the client has not acknowledged.
func (s *socket) close(abort bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	fd := int(s.fd)
	s.fd = -1
	if abort {
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if s.waiting > 0 {
		unix.Shutdown(fd, unix.SHUT_RDWR) // the duplicates keep the connection, and this ends the waits
	}
	return os.NewSyscallError("close", unix.Close(fd))
}
