package listener

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// deferAccept is how long the kernel keeps a connection that sends nothing, in seconds, before the relay accepts it
// (TCP_DEFER_ACCEPT, tcp(7)). So in a herd, connections wait in the kernel until their request is there, and do not
// count as pending. Browsers send it at once; a shorter time is not possible.
const deferAccept = 1

// directListener accepts TCP connections without package net, as directConn.
type directListener struct {
	*net.TCPListener
	file  *os.File // a duplicate; package net does not let others wait for its own
	raw   syscall.RawConn
	flood synFilter
}

// direct returns a listener that accepts the connections of a TCP listener as directConn. It returns other listeners as
// they are.
func direct(listener net.Listener) net.Listener {
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return listener
	}
	file, err := tcp.File()
	if err != nil {
		return listener
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return listener
	}
	raw.Control(func(fd uintptr) {
		// Connections inherit it. Package net sets it for each, so that small frames are sent at once.
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if hasSynCookies() {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferAccept)
		}
	})
	if err != nil {
		file.Close()
		return listener
	}
	return &directListener{TCPListener: tcp, file: file, raw: raw, flood: synFilter{socket: raw}}
}

// hasSynCookies reports whether the kernel completes connections by SYN cookies (RFC 4987 §3.6) once as many as the
// backlog have sent nothing. Without them, so many silent connections would lock out all others.
func hasSynCookies() bool {
	setting, err := os.ReadFile("/proc/sys/net/ipv4/tcp_syncookies")
	return err == nil && strings.TrimSpace(string(setting)) != "0"
}

// Accept implements net.Listener.
func (l *directListener) Accept() (net.Conn, error) {
	var conn *directConn
	var err error
	if closed := l.raw.Read(func(fd uintptr) (done bool) {
		conn, err = l.accept(int(fd))
		return err != unix.EAGAIN
	}); closed != nil {
		err = net.ErrClosed
	}
	if err != nil {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: os.NewSyscallError("accept4", err)}
	}
	return conn, nil
}

// Close implements net.Listener.
func (l *directListener) Close() error {
	l.file.Close()
	return l.TCPListener.Close()
}

// accept accepts the next connection of the listening socket, which does not block.
func (l *directListener) accept(listener int) (*directConn, error) {
	for {
		fd, from, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		switch err {
		case nil:
			l.flood.accepted(fd)
			return &directConn{fd: fd, remote: net.TCPAddrFromAddrPort(addrPort(from)), flood: &l.flood}, nil
		case unix.EINTR, unix.ECONNABORTED: // ended while it waited
		default:
			return nil, err
		}
	}
}

// addrPort returns the address of a TCP socket, without an IPv6 zone.
func addrPort(address unix.Sockaddr) netip.AddrPort {
	switch address := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(address.Addr), uint16(address.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(address.Addr), uint16(address.Port))
	default:
		return netip.AddrPort{}
	}
}
