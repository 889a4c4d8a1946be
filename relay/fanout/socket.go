package fanout

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// stallTimeout is how long a client may take no byte at all while something waits for it.
const stallTimeout = 30 * time.Second

// socket is the connection below one client. One goroutine at a time writes to it.
type socket struct {
	fd   int    // for trySend; good until Close; -1 if bytes must not go straight to it, as under TLS
	rest []byte // of a frame that is begun, to be finished first; shared with other clients, only read
	net.Conn
}

func newSocket(conn net.Conn) socket {
	s := socket{Conn: conn, fd: -1}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { s.fd = int(fd) })
		}
	}
	return s
}

// delivered reports whether all that was written has arrived. Nobody may close the socket meanwhile.
func (s *socket) delivered() bool { return s.fd >= 0 && delivered(s.fd) }

// abort closes the connection and drops what the client has not taken. The kernel would keep it for minutes. It does not
// wait, and nor does it take leave where TLS has it so.
func (s *socket) abort() {
	tcp := below(s.Conn)
	if tcp == nil {
		s.Close()
		return
	}
	tcp.SetLinger(0)
	tcp.Close()
}

// below returns the TCP connection that conn goes over, nil if there is none: under TLS, and under the PROXY protocol.
func below(conn net.Conn) *net.TCPConn {
	switch conn := conn.(type) {
	case *net.TCPConn:
		return conn
	case interface{ NetConn() net.Conn }:
		return below(conn.NetConn())
	case interface{ TCPConn() (*net.TCPConn, bool) }:
		tcp, _ := conn.TCPConn()
		return tcp
	default:
		return nil
	}
}

// waits reports whether Close may wait for the client: TLS takes leave (RFC 8446 §6.1).
func (s *socket) waits() bool {
	_, secure := s.Conn.(*tls.Conn)
	return secure
}

// send writes p, behind what is left of a frame that is begun, and waits until the kernel has taken it all. It fails if
// the client takes nothing for stallTimeout; then the socket is of no more use. Each write is made in a turn of its own.
func (s *socket) send(p []byte, turns turns) error {
	if len(s.rest) > 0 {
		rest := s.rest
		s.rest = nil
		if err := s.sendAll(rest, turns); err != nil {
			return err
		}
	}
	return s.sendAll(p, turns)
}

func (s *socket) sendAll(p []byte, turns turns) error {
	for len(p) > 0 {
		if err := s.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
			return err
		}
		n, err := s.sendSome(p, turns)
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
		p = p[n:]
	}
	return nil
}

// sendSome waits until the socket takes a part of p.
func (s *socket) sendSome(p []byte, turns turns) (n int, err error) {
	tcp, ok := s.Conn.(syscall.Conn)
	if s.fd < 0 || !ok {
		return s.Write(p)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Write(func(fd uintptr) (done bool) {
		turn := turns.take()
		defer turns.give(turn)
		n, err = writeNonblocking(int(fd), p)
		return n > 0 || err != nil
	})
	return n, cmp.Or(err, failed)
}

// trySend writes what of b the kernel takes at once. It returns how many frames it has begun and whether all of them
// are written whole; if not, send must be next: it finishes the one that is begun. Nobody may close the socket
// meanwhile.
func (s *socket) trySend(b *batch) (begun int, whole bool, err error) {
	if s.fd < 0 {
		return 0, false, nil
	}
	n, err := writeNonblocking(s.fd, b.joined)
	if err != nil || n == len(b.joined) {
		return len(b.frames), err == nil, err
	}
	if begun = b.begun(n); begun > 0 {
		s.rest = b.rest(begun-1, n)
	}
	return begun, false, nil
}
