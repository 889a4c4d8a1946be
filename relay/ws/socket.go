package ws

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"wpre-relay/relay/eventlog"
)

// stallTimeout is how long a client may take no byte at all while something waits for it.
const stallTimeout = 30 * time.Second

// socket is the connection below one client. One goroutine at a time writes to it.
type socket struct {
	conn net.Conn
	raw  syscall.RawConn // nil where bytes must not go straight to the descriptor, as under TLS
	rest []byte          // of a frame that is begun, to be finished first; shared with other clients, only read
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
	s := socket{conn: conn}
	if tcp, ok := conn.(*net.TCPConn); ok {
		s.raw, _ = tcp.SyscallConn()
	}
	return s
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
		if err := s.conn.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
			return err
		}
		n, err := buffers.WriteTo(s.conn)
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
	return nil
}

// trySend writes what of b the kernel takes at once. It returns how many frames it has begun and whether all of them
// are written whole; if not, send must be next: it finishes the one that is begun.
func (s *socket) trySend(raw *rawIO, b *batch) (begun int, whole bool, err error) {
	if s.raw == nil {
		return 0, false, nil
	}
	n, err := raw.write(s.raw, b.joined)
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

// rawIO reads from and writes to sockets without waiting. It belongs to one goroutine and allocates nothing.
type rawIO struct {
	p                 []byte
	n                 int
	err               error
	tryRead, tryWrite func(fd uintptr) (done bool)
}

func newRawIO() *rawIO {
	r := &rawIO{}
	r.tryRead = func(fd uintptr) bool {
		r.n, r.err = readNonblocking(fd, r.p)
		return true
	}
	r.tryWrite = func(fd uintptr) bool {
		r.n, r.err = writeNonblocking(fd, r.p)
		return true
	}
	return r
}

// read reads what is there, which may be nothing. The error is io.EOF at the end.
func (r *rawIO) read(conn syscall.RawConn, p []byte) (int, error) {
	r.p, r.n, r.err = p, 0, nil
	if err := conn.Read(r.tryRead); err != nil {
		return 0, err
	}
	return r.n, r.err
}

// write writes what the kernel takes, which may be nothing.
func (r *rawIO) write(conn syscall.RawConn, p []byte) (int, error) {
	r.p, r.n, r.err = p, 0, nil
	if err := conn.Write(r.tryWrite); err != nil {
		return 0, err
	}
	return r.n, r.err
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
