package bench

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// startTLS does the TLS handshake of client i. It waits for the server, for handshakeTimeout at most, so that the
// clients of a run connect one after the other.
func (s *clientSet) startTLS(i int32) error {
	fd := int(s.clients[i].fd)
	limit := unix.NsecToTimeval(int64(handshakeTimeout))
	err := errors.Join(unix.SetNonblock(fd, false), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
	if err != nil {
		return err
	}
	s.secure[i] = tls.Client(socket(fd), s.tls)
	if err := s.secure[i].Handshake(); err != nil {
		return err
	}
	return unix.SetNonblock(fd, true)
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

// socket is the descriptor of a connection below TLS. If it is nonblocking, Read returns EAGAIN, which is a temporary
// error for crypto/tls: the connection remains usable, and keeps the part of a record that has arrived.
type socket int

func (s socket) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(s), p)
		switch {
		case err == unix.EINTR:
		case err == nil && n == 0:
			return 0, io.EOF
		default:
			return max(0, n), err
		}
	}
}

func (s socket) Write(p []byte) (int, error) {
	n, err := unix.Write(int(s), p)
	return max(0, n), err
}

// The other methods of net.Conn are not used.
func (socket) Close() error                     { return nil }
func (socket) LocalAddr() net.Addr              { return nil }
func (socket) RemoteAddr() net.Addr             { return nil }
func (socket) SetDeadline(time.Time) error      { return nil }
func (socket) SetReadDeadline(time.Time) error  { return nil }
func (socket) SetWriteDeadline(time.Time) error { return nil }
