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

// client is one connection. It fits into the 64 bytes of a cache line.
type client struct {
	fd     int32
	stage  stage
	role   role
	window stats.Window
	reader wsclient.FrameReader
}

// stage is the state of a connection.
type stage uint8

const (
	disconnected stage = iota
	connecting         // the kernel is connecting
	securing           // the TLS handshake is in progress
	handshaking        // the request is sent, the response is not complete
	open               // frames are received
	unread             // connected, but frames are not read
)

// role is the behavior of a client.
type role uint8

const (
	reader    role = iota // reads and is counted
	stalled               // never reads
	transient             // reads and is not counted
)

// pending reports whether the client is neither disconnected nor connected.
func (c *client) pending() bool { return c.stage >= connecting && c.stage <= handshaking }

// startHandshake starts the handshake of client i, or rejects the client if the kernel could not connect it.
func (s *clientSet) startHandshake(i int32) {
	c := &s.clients[i]
	code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	switch {
	case err != nil:
		s.reject(i, fmt.Errorf("connect: %w", err))
	case s.tls != nil:
		s.startTLS(i)
	default:
		s.sendRequest(i)
	}
}

// sendRequest sends the WebSocket request of client i.
func (s *clientSet) sendRequest(i int32) {
	if _, err := s.write(i, s.request); err != nil { // it fits into the empty send buffer
		s.reject(i, fmt.Errorf("connect: %w", err))
		return
	}
	s.clients[i].stage = handshaking
}

// read reads and handles all available bytes of client i. A read that does not fill the buffer has drained the
// socket, and the kernel reports later bytes with a new event (epoll(7)), so only a closed connection needs another
// read. With TLS, a read returns one record at most.
func (s *clientSet) read(i int32, hungUp bool) {
	c := &s.clients[i]
	for c.stage == handshaking || c.stage == open {
		n, errno := s.receive(i)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
		case errno != 0 || n == 0:
			s.handleEOF(i)
		case c.stage == handshaking:
			s.handleResponse(i, s.buf[:n], false)
		default:
			s.handleFrames(i, s.buf[:n])
		}
		if errno == 0 && n < len(s.buf) && !hungUp && s.tls == nil {
			return
		}
	}
}

// handleEOF handles the end of the byte stream of client i.
func (s *clientSet) handleEOF(i int32) {
	if s.clients[i].stage == handshaking {
		s.handleResponse(i, nil, true)
	} else {
		s.serverClosed(i, statusAbnormal)
	}
}

// handleResponse handles the next bytes of the server's response to the handshake. More bytes may follow p unless
// ended is set.
func (s *clientSet) handleResponse(i int32, p []byte, ended bool) {
	if partial := s.partialResponses[i]; partial != nil {
		p = append(partial, p...)
		delete(s.partialResponses, i)
	}
	frames, err := wsclient.ParseHandshake(p, ended)
	switch {
	case errors.Is(err, wsclient.ErrIncomplete):
		s.partialResponses[i] = bytes.Clone(p)
	case err != nil:
		s.reject(i, err)
	default:
		s.markOpen(i)
		s.handleFrames(i, frames)
	}
}

// markOpen records that client i is connected. A stalled client gets no more read events from the kernel.
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
	closeOnly := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: i}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_MOD, int(c.fd), &closeOnly); err != nil {
		s.serverClosed(i, statusAbnormal)
	}
}

// handleFrames handles the frames in p, which client i has received.
func (s *clientSet) handleFrames(i int32, p []byte) {
	c, now := &s.clients[i], s.now()
	for len(p) > 0 && c.stage == open {
		item, rest, err := c.reader.Next(p)
		switch {
		case err != nil:
			s.connections.addViolation(err)
			s.disconnect(i)
			return
		case item.Kind == wsclient.Message:
			s.recordMessage(c, item, now)
		case item.Kind == wsclient.Ping:
			s.pong = wsclient.AppendPong(s.pong[:0], item.Payload)
			// The error is ignored: a server that receives no pong closes the connection, and that is counted.
			s.write(i, s.pong)
		case item.Kind == wsclient.Close:
			s.serverClosed(i, int(item.Number))
		}
		p = rest
	}
}

// recordMessage counts a message.
func (s *clientSet) recordMessage(c *client, message wsclient.Item, now time.Duration) {
	switch {
	case c.role != reader:
	case s.external:
		s.recorder.AddExternal(&c.window, now, s.reading)
	case !s.series.wrote(message):
		s.altered++
	default:
		s.addStarted()
		s.recorder.AddDelivery(&c.window, message.Number, now)
	}
}

// addStarted adds the events whose write has begun to the recorder.
func (s *clientSet) addStarted() {
	for n := s.recorder.Events(); !s.external && n < int(s.series.started.Load()); n++ {
		s.recorder.AddEvent(s.series.events[n].start, s.reading)
	}
}
