package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// startTLS starts the TLS handshake of client i. It is a full one: after a restart, the server cannot resume the
// sessions of its clients either.
func (s *clientSet) startTLS(i int32) {
	c := &s.clients[i]
	c.stage = securing
	socket := &socket{fd: int(c.fd)}
	s.secure[i] = tls.Client(socket, s.tls)
	s.tlsHandshakes[i] = newTLSHandshake(s.secure[i], socket)
	s.continueTLS(i)
}

// continueTLS continues the TLS handshake of client i until it needs more bytes. At its end, it sends the request. The
// handshake may have left bytes in the socket, which the kernel has reported already.
func (s *clientSet) continueTLS(i int32) {
	h := s.tlsHandshakes[i]
	if _, waits := h.next(); waits {
		return
	}
	delete(s.tlsHandshakes, i)
	if h.err != nil {
		s.reject(i, fmt.Errorf("connect: %w", h.err))
		return
	}
	s.sendRequest(i)
	s.read(i, false)
}

// stopTLS stops the TLS handshake of client i, if it is in progress.
func (s *clientSet) stopTLS(i int32) {
	if h := s.tlsHandshakes[i]; h != nil {
		h.stop()
		delete(s.tlsHandshakes, i)
	}
}

// tlsHandshake is a TLS handshake in progress. It is a coroutine, because crypto/tls waits for the server's bytes: so
// one thread does the handshakes of all clients at the same time. Its methods must be called on the thread that has
// started it.
type tlsHandshake struct {
	next func() (_ struct{}, waits bool) // continues until the handshake must wait or has ended
	stop func()
	err  error // valid after the end
}

// newTLSHandshake returns the handshake of conn, whose bytes socket transports. The caller calls next or stop until the
// handshake has ended.
func newTLSHandshake(conn *tls.Conn, socket *socket) *tlsHandshake {
	h := new(tlsHandshake)
	h.next, h.stop = iter.Pull(func(yield func(struct{}) bool) {
		socket.wait = func() bool { return yield(struct{}{}) }
		h.err = conn.Handshake()
		socket.wait = nil
	})
	return h
}

// receive reads available bytes of client i into the buffer.
func (s *clientSet) receive(i int32) (int, unix.Errno) {
	if s.tls == nil {
		return readNonblocking(s.clients[i].fd, s.buf)
	}
	n, err := s.secure[i].Read(s.buf)
	switch {
	case err == nil:
		return n, 0
	case errors.Is(err, unix.EAGAIN):
		return 0, unix.EAGAIN
	default:
		return 0, 0 // the end
	}
}

// write writes p to the server as client i.
func (s *clientSet) write(i int32, p []byte) (int, error) {
	if s.tls == nil {
		return unix.Write(int(s.clients[i].fd), p)
	}
	return s.secure[i].Write(p)
}

// socket is the nonblocking descriptor of a connection below TLS. Without wait, Read returns EAGAIN, which is a
// temporary error for crypto/tls: the connection remains usable, and keeps the part of a record that has arrived. A
// handshake cannot continue after an error.
type socket struct {
	fd   int
	wait func() (readable bool) // waits for bytes; it reports false if the handshake was stopped; nil after it
}

func (s *socket) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN && s.wait != nil:
			if !s.wait() {
				return 0, net.ErrClosed
			}
		case err == nil && n == 0:
			return 0, io.EOF
		default:
			return max(0, n), err
		}
	}
}

func (s *socket) Write(p []byte) (int, error) {
	n, err := unix.Write(s.fd, p)
	return max(0, n), err
}

// The other methods of net.Conn are not used.
func (*socket) Close() error                     { return nil }
func (*socket) LocalAddr() net.Addr              { return nil }
func (*socket) RemoteAddr() net.Addr             { return nil }
func (*socket) SetDeadline(time.Time) error      { return nil }
func (*socket) SetReadDeadline(time.Time) error  { return nil }
func (*socket) SetWriteDeadline(time.Time) error { return nil }
