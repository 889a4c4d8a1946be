package fanout

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"wpre-relay/relay/eventlog"
)

// stallTimeout is how long a client may take no byte at all while something waits for it.
const stallTimeout = 30 * time.Second

// socket is the connection below one client. One goroutine at a time writes to it.
type socket struct {
	fd   int    // for trySend; good until Close; -1 if bytes must not go straight to it, as under TLS
	rest []byte // of a frame that is begun, to be finished first; shared with other clients, only read
	net.Conn
}

// batch is one or more whole frames that go to many clients. It is only read.
type batch struct {
	frames [][]byte // immutable, and kept alive by a socket's rest
	joined []byte   // frames in one piece, good until the next batch
	buf    []byte   // memory for joined, used again
}

// set makes b the batch of one frame.
func (b *batch) set(frame []byte) {
	b.frames = append(b.frames[:0], frame)
	b.joined = frame
}

// setRecords makes b the batch of the records' frames. It copies only if there are several.
func (b *batch) setRecords(recs []*eventlog.Record) {
	b.frames, b.buf = b.frames[:0], b.buf[:0]
	for _, rec := range recs {
		b.frames = append(b.frames, rec.Frame())
	}
	if len(recs) == 1 {
		b.joined = b.frames[0]
		return
	}
	for _, frame := range b.frames {
		b.buf = append(b.buf, frame...)
	}
	b.joined = b.buf
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

// abort closes the connection and drops what the client has not taken. The kernel would keep it for minutes.
func (s *socket) abort() {
	if tcp, ok := s.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	s.Close()
}

// send writes frames in their order and waits until the kernel has taken them. It fails if the client takes nothing
// for stallTimeout; then the socket is of no more use.
func (s *socket) send(frames [][]byte) error {
	buffers := make(net.Buffers, 0, 1+len(frames))
	if len(s.rest) > 0 {
		buffers = append(buffers, s.rest)
		s.rest = nil
	}
	buffers = append(buffers, frames...)
	for len(buffers) > 0 {
		if err := s.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
			return err
		}
		n, err := buffers.WriteTo(s.Conn)
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
	return nil
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
	for _, frame := range b.frames {
		if n <= 0 {
			break
		}
		begun++
		if n < len(frame) {
			s.rest = frame[n:]
		}
		n -= len(frame)
	}
	return begun, false, nil
}

// hijacker lets the WebSocket library make the handshake and takes the connection for itself: the library gets a
// stand-in, in which it puts its own to rest.
type hijacker struct {
	http.ResponseWriter
	conn  net.Conn // set by Hijack
	early []byte   // what the client sent behind the handshake; set by Hijack
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		early, _ := buffered.Reader.Peek(n)
		h.early = slices.Clone(early)
	}
	h.conn = conn
	return takenConn{}, buffered, nil
}

// takenConn stands for a connection that another has taken.
type takenConn struct{ net.Conn }

// Close implements io.Closer.
func (takenConn) Close() error { return nil }
