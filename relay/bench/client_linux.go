package bench

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/bench/tally"
	"wpre-relay/relay/bench/wire"
)

// client is one connection, in the 64 bytes of a cache line.
type client struct {
	fd     int32
	stage  stage
	role   role
	window tally.Window
	frames wire.Reader
}

// stage is how far a connection is.
type stage uint8

const (
	absent     stage = iota
	connecting       // the kernel connects
	greeting         // the request is sent, its answer has not come
	open             // frames come
	deaf             // frames come and are not read
)

// role is what a client is there for.
type role uint8

const (
	reader  role = iota
	stalled      // never reads
	visitor      // reads, and is not counted
)

// request sends the handshake, or finds out why there is no connection to send it on.
func (s *swarm) request(i int32) {
	c := &s.clients[i]
	code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err == nil {
		_, err = unix.Write(int(c.fd), s.handshake) // it fits into an empty send buffer
	}
	if err != nil {
		s.refuse(c, fmt.Errorf("connect: %w", err))
		return
	}
	c.stage = greeting
}

// read takes all that has come for client i. A read that does not fill the buffer has taken all there was, and what
// comes later is announced anew (epoll(7)): unless the connection has ended, there is no need to try again.
func (s *swarm) read(i int32, hungUp bool) {
	c := &s.clients[i]
	for c.stage == greeting || c.stage == open {
		n, errno := readNow(c.fd, s.buf)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
		case errno != 0 || n == 0:
			s.hangUp(i)
		case c.stage == greeting:
			s.greet(i, s.buf[:n], false)
		default:
			s.feed(c, s.buf[:n])
		}
		if errno == 0 && n < len(s.buf) && !hungUp {
			return
		}
	}
}

// hangUp notes that nothing more comes for client i.
func (s *swarm) hangUp(i int32) {
	c := &s.clients[i]
	if c.stage == greeting {
		s.greet(i, nil, true)
	} else {
		s.end(c, noClose)
	}
}

// greet takes what the server answers to the handshake, which may go on behind p unless the connection has ended.
func (s *swarm) greet(i int32, p []byte, ended bool) {
	c := &s.clients[i]
	if begun := s.answers[i]; begun != nil {
		p = append(begun, p...)
		delete(s.answers, i)
	}
	frames, err := wire.Answer(p, ended)
	switch {
	case errors.Is(err, wire.ErrCut):
		s.answers[i] = bytes.Clone(p)
	case err != nil:
		s.refuse(c, err)
	default:
		s.admit(i)
		s.feed(c, frames)
	}
}

// admit notes that client i is connected.
func (s *swarm) admit(i int32) {
	c := &s.clients[i]
	c.stage = open
	s.census.pending--
	if c.role == visitor {
		return
	}
	s.census.connected++
	s.present++
	if c.role == reader {
		s.reading++
		return
	}
	c.stage = deaf
	only := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: i}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_MOD, int(c.fd), &only); err != nil {
		s.end(c, noClose)
	}
}

// feed takes frames that came for c.
func (s *swarm) feed(c *client, p []byte) {
	now := s.now()
	for len(p) > 0 && c.stage == open {
		item, rest, err := c.frames.Next(p)
		switch {
		case err != nil:
			s.census.violate(err)
			s.leave(c)
			return
		case item.Kind == wire.Message:
			s.arrive(c, item.Number, now)
		case item.Kind == wire.Ping:
			s.pong = wire.AppendPong(s.pong[:0], item.Payload)
			unix.Write(int(c.fd), s.pong) // a server that takes no pongs will end the connection, and that is counted
		case item.Kind == wire.Close:
			s.end(c, int(item.Number))
		}
		p = rest
	}
}

// arrive counts a message.
func (s *swarm) arrive(c *client, number uint32, now time.Duration) {
	switch {
	case c.role != reader:
	case s.overhear:
		s.tally.Overhear(&c.window, now, s.reading)
	default:
		s.tally.Arrive(&c.window, number, now)
	}
}
