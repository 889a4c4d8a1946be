package bench

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/bench/stats"
	"wpre-relay/relay/bench/wsclient"
)

// client is one connection, in the 64 bytes of a cache line.
type client struct {
	fd     int32
	stage  stage
	role   role
	window stats.Window
	reader wsclient.FrameReader
}

// stage is how far a connection is.
type stage uint8

const (
	disconnected stage = iota
	connecting         // the kernel connects
	handshaking        // the request is sent, its answer has not come
	open               // frames come
	unread             // frames come and are not read
)

// role is what a client is there for.
type role uint8

const (
	reader    role = iota
	stalled        // never reads
	transient      // reads, and is not counted
)

// request sends the handshake, or finds out why there is no connection to send it on.
func (s *clientSet) sendHandshake(i int32) {
	c := &s.clients[i]
	code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err == nil {
		_, err = unix.Write(int(c.fd), s.handshake) // it fits into an empty send buffer
	}
	if err != nil {
		s.reject(c, fmt.Errorf("connect: %w", err))
		return
	}
	c.stage = handshaking
}

// read takes all that has come for client i. A read that does not fill the buffer has taken all there was, and what
// comes later is announced anew (epoll(7)): unless the connection has ended, there is no need to try again.
func (s *clientSet) read(i int32, hungUp bool) {
	c := &s.clients[i]
	for c.stage == handshaking || c.stage == open {
		n, errno := readNonblocking(c.fd, s.buf)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
		case errno != 0 || n == 0:
			s.handleEOF(i)
		case c.stage == handshaking:
			s.handleResponse(i, s.buf[:n], false)
		default:
			s.handleFrames(c, s.buf[:n])
		}
		if errno == 0 && n < len(s.buf) && !hungUp {
			return
		}
	}
}

// hangUp notes that nothing more comes for client i.
func (s *clientSet) handleEOF(i int32) {
	c := &s.clients[i]
	if c.stage == handshaking {
		s.handleResponse(i, nil, true)
	} else {
		s.serverClosed(c, statusAbnormal)
	}
}

// greet takes what the server answers to the handshake, which may go on behind p unless the connection has ended.
func (s *clientSet) handleResponse(i int32, p []byte, ended bool) {
	c := &s.clients[i]
	if begun := s.partialResponses[i]; begun != nil {
		p = append(begun, p...)
		delete(s.partialResponses, i)
	}
	frames, err := wsclient.ParseHandshake(p, ended)
	switch {
	case errors.Is(err, wsclient.ErrIncomplete):
		s.partialResponses[i] = bytes.Clone(p)
	case err != nil:
		s.reject(c, err)
	default:
		s.markOpen(i)
		s.handleFrames(c, frames)
	}
}

// admit notes that client i is connected.
func (s *clientSet) markOpen(i int32) {
	c := &s.clients[i]
	c.stage = open
	s.connections.pending--
	if c.role == transient {
		return
	}
	s.connections.connected++
	s.connected++
	if c.role == reader {
		s.reading++
		return
	}
	c.stage = unread
	only := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: i}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_MOD, int(c.fd), &only); err != nil {
		s.serverClosed(c, statusAbnormal)
	}
}

// feed takes frames that came for c.
func (s *clientSet) handleFrames(c *client, p []byte) {
	now := s.now()
	for len(p) > 0 && c.stage == open {
		item, rest, err := c.reader.Next(p)
		switch {
		case err != nil:
			s.connections.addViolation(err)
			s.disconnect(c)
			return
		case item.Kind == wsclient.Message:
			s.recordMessage(c, item.Number, now)
		case item.Kind == wsclient.Ping:
			s.pong = wsclient.AppendPong(s.pong[:0], item.Payload)
			unix.Write(int(c.fd), s.pong) // a server that takes no pongs will end the connection, and that is counted
		case item.Kind == wsclient.Close:
			s.serverClosed(c, int(item.Number))
		}
		p = rest
	}
}

// arrive counts a message.
func (s *clientSet) recordMessage(c *client, number uint32, now time.Duration) {
	switch {
	case c.role != reader:
	case s.external:
		s.recorder.AddExternal(&c.window, now, s.reading)
	default:
		s.recorder.AddDelivery(&c.window, number, now)
	}
}
