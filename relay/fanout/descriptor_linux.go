package fanout

import (
	"io"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// descriptor is the file descriptor of a TCP connection, for system calls past net.Conn. It makes each call inside
// syscall.RawConn.Control, which holds a reference. A concurrent Close frees the number only after the call, and later
// calls return net.ErrClosed. So no call can hit another connection that got the same number. The zero value has no
// descriptor.
type descriptor struct{ raw syscall.RawConn }

// takeDescriptor takes over conn if it is a TCP connection itself: bytes written below TLS would break that. If it
// returns no descriptor, conn is as before.
func takeDescriptor(conn net.Conn) descriptor {
	if tcp, ok := conn.(tcpSocket); ok {
		if s, err := takeSocket(tcp); err == nil {
			return descriptor{s}
		}
	}
	return descriptor{}
}

// newDescriptor returns the descriptor of conn, which still owns it: none unless conn is a TCP connection itself.
func newDescriptor(conn net.Conn) descriptor {
	if tcp, ok := conn.(tcpSocket); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			return descriptor{raw}
		}
	}
	return descriptor{}
}

// ok reports whether there is a descriptor.
func (d descriptor) ok() bool { return d.raw != nil }

// close closes the socket of a descriptor from takeDescriptor. If abort is set, it drops what the client has not
// acknowledged.
func (d descriptor) close(abort bool) error { return d.raw.(*socket).close(abort) }

// remoteAddr returns the client's address, for a descriptor from takeDescriptor.
func (d descriptor) remoteAddr() net.Addr { return d.raw.(*socket).remoteAddr() }

// number returns the number of a descriptor from takeDescriptor, for the shard's goroutine, which also closes it. ok is
// false for other descriptors and after that.
func (d descriptor) number() (fd int32, ok bool) {
	s, ok := d.raw.(*socket)
	if !ok {
		return 0, false
	}
	return s.fd, s.fd >= 0
}

// waitReadable waits until the socket is readable or has failed, or until it is closed.
func (d descriptor) waitReadable() error {
	return d.raw.Read(func(fd uintptr) (done bool) { return pollNow(fd, unix.POLLIN) })
}

// waitWritable waits until the socket is writable or has failed, until the write deadline, or until it is closed.
func (d descriptor) waitWritable() error {
	return d.raw.Write(func(fd uintptr) (done bool) { return pollNow(fd, unix.POLLOUT) })
}

// writable reports whether the socket is writable, or has failed, which a write then reports.
func (d descriptor) writable() (ok bool) {
	if err := d.raw.Control(func(fd uintptr) { ok = pollNow(fd, unix.POLLOUT) }); err != nil {
		return true
	}
	return ok
}

// pollNow makes a call of poll(2) that does not wait. If it reports false, the kernel notifies the runtime's poller of
// the next of the events.
func pollNow(fd uintptr, events int16) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, 0)
	return n > 0 || err != nil && err != unix.EINTR
}

// transfer reads or writes without blocking. It exists to be reused: passing a new closure to Control for each
// delivery would be an allocation for each. One goroutine at a time may use it.
type transfer struct {
	call uintptr // SYS_READ or SYS_WRITE
	p    []byte
	n    int
	err  error
	run  func(fd uintptr) // calls call; made once
}

func newTransfer(call uintptr) *transfer {
	t := &transfer{call: call}
	t.run = func(fd uintptr) { t.n, t.err = transferRaw(t.call, fd, t.p) }
	return t
}

func newReader() *transfer { return newTransfer(syscall.SYS_READ) }
func newWriter() *transfer { return newTransfer(syscall.SYS_WRITE) }

// do reads into p, or writes from it, as much as is possible without blocking: possibly nothing. A reader returns
// io.EOF at the end.
func (t *transfer) do(d descriptor, p []byte) (int, error) {
	t.p = p
	err := d.raw.Control(t.run)
	t.p = nil
	if err != nil {
		return 0, err
	}
	if t.call == syscall.SYS_READ && t.n == 0 && t.err == nil {
		return 0, io.EOF
	}
	return ignoreEAGAIN(t.n, t.err)
}

// transferRaw calls read(2) or write(2), again if a signal interrupts it. Go's sockets do not block, so the
// scheduler is not involved: that would cost about a tenth of a delivery.
func transferRaw(call, fd uintptr, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// ignoreEAGAIN drops the error of a call that could do nothing without blocking.
func ignoreEAGAIN(n int, err error) (int, error) {
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return n, err
}
