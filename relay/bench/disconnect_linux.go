package bench

import "golang.org/x/sys/unix"

// close disconnects all clients without a close frame and releases the set. If TLS handshakes are in progress, the
// caller is the goroutine that has opened the clients.
func (s *clientSet) close() {
	for i := range s.clients {
		s.disconnect(int32(i))
	}
	unix.Close(s.epoll)
}

// reject closes client i and counts it as rejected.
func (s *clientSet) reject(i int32, why error) {
	s.connections.reject(why)
	s.closeSocket(i)
}

// rejectPending rejects all clients whose handshake is not complete.
func (s *clientSet) rejectPending(why error) {
	for i := range s.clients {
		if s.clients[i].pending() {
			s.reject(int32(i), why)
		}
	}
	clear(s.partialResponses)
}

// disconnectPending disconnects all clients whose handshake is not complete.
func (s *clientSet) disconnectPending() {
	for i := range s.clients {
		if s.clients[i].pending() {
			s.disconnect(int32(i))
		}
	}
}

// serverClosed counts a connection that the server closed with this code, and disconnects client i.
func (s *clientSet) serverClosed(i int32, code int) {
	s.connections.closed[code]++
	s.disconnect(i)
}

// disconnect closes the connection of client i, if it has one.
func (s *clientSet) disconnect(i int32) {
	switch c := &s.clients[i]; {
	case c.stage == disconnected:
		return
	case c.pending():
		s.connections.pending--
	case c.role == reader:
		s.addStarted() // the client was to receive them
		s.connected--
		s.reading--
		s.recorder.RemoveClient(&c.window)
	case c.role == stalled:
		s.connected--
	}
	s.closeSocket(i)
}

// closeSocket closes the socket of client i, which is disconnected then.
func (s *clientSet) closeSocket(i int32) {
	s.stopTLS(i)
	c := &s.clients[i]
	c.stage = disconnected
	unix.Close(int(c.fd))
}
