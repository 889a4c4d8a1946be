package fanout

import (
	"slices"
	"syscall"
)

// minSends is the number of clients from which on a ring is worth its system call.
const minSends = 8

// sender writes the same bytes to many clients by one system call. Only the shard's goroutine uses it.
type sender struct {
	ring    *ring  // nil before the first use and if refused
	refused bool   // the kernel has no ring
	used    bool   // the last call of send has used the ring
	sealed  []byte // memory for the records of TLS clients, at most maxSends*freeUnsent bytes
}

// send writes as much of p to each live client as its socket takes at once, unless there are few clients or the kernel
// has no ring. TLS clients get a record of at most maxStaged bytes each. There are at most maxSends clients.
func (s *sender) send(clients []*client, p []byte) {
	s.used = len(clients) >= minSends && s.open()
	if !s.used {
		return
	}
	s.sealed = s.sealed[:0]
	for i, c := range clients {
		s.ring.results[i] = -int32(syscall.ENOTSOCK)
		if c.lagging {
			continue
		}
		if fd, ok := c.conn.direct.number(); ok {
			s.ring.queue(i, fd, p)
		} else if c.conn.tls != nil && len(p) <= maxStaged {
			s.queueRecord(i, c.conn.tls, p, len(clients))
		}
	}
	s.ring.send(p)
}

// queueRecord seals p for client i of n, and queues the record unless other bytes must be sent before.
func (s *sender) queueRecord(i int, conn *tlsConn, p []byte, n int) {
	fd, ok := conn.socket.number()
	if !ok {
		return
	}
	size := len(p) + tlsOverhead
	if len(s.sealed) == 0 {
		s.sealed = slices.Grow(s.sealed, n*size)
	}
	start := len(s.sealed)
	s.sealed = s.sealed[:start+size]
	if record := conn.stage(p, s.sealed[start:start:start+size]); record != nil { // conn keeps it until unstage
		s.ring.queue(i, fd, record)
	}
}

// open reports whether there is a ring. The first call opens it.
func (s *sender) open() bool {
	if s.ring == nil && !s.refused {
		s.ring = newRing()
		s.refused = s.ring == nil
	}
	return !s.refused
}

// result returns what send did for client i. If sent is false, nothing was written to the client.
func (s *sender) result(i int) (n int, sent bool, err error) {
	if !s.used {
		return 0, false, nil
	}
	result := s.ring.results[i]
	if result >= 0 {
		return int(result), true, nil
	}
	n, err = ignoreEAGAIN(0, syscall.Errno(-result))
	return n, err != syscall.ENOTSOCK, err
}

// close releases the sender's memory.
func (s *sender) close() {
	if s.ring != nil {
		s.ring.close()
		s.ring = nil
	}
}
