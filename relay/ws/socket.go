package ws

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"wpre-relay/relay/eventlog"
)

const (
	// stallTimeout is how long a client may take no byte at all while something waits for it.
	stallTimeout = 30 * time.Second

	// readBuffer and writeBuffer are the library's per connection. It reads little more than frame headers and
	// short greetings, and writes only control frames, of at most 2+125 bytes (RFC 6455 §5.5), each of which must
	// reach socket.Write in one piece.
	readBuffer  = 64
	writeBuffer = 128
)

// socket is the connection below one client. The WebSocket library reads from it and writes its control frames
// to it; the shared frames are written past the library. It keeps the rules that both must obey: a frame that is
// begun is finished before another, and behind a close frame comes nothing (RFC 6455 §5.5.1).
type socket struct {
	net.Conn
	raw   syscall.RawConn // nil where bytes must not go straight to the descriptor, as under TLS
	carry []byte          // what the HTTP server had read beyond the handshake; for the reader alone
	heard atomic.Bool     // something was read since the last ping

	mu     sync.Mutex // held while writing
	rest   []byte     // of a frame that is begun; shared with other clients, only read; guarded by mu
	closed bool       // a close frame was sent; guarded by mu
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

func newSocket(conn net.Conn, carry []byte) *socket {
	s := &socket{Conn: conn, carry: carry}
	if tcp, ok := conn.(*net.TCPConn); ok {
		s.raw, _ = tcp.SyscallConn()
	}
	s.heard.Store(true)
	return s
}

// Read is the library's way in.
func (s *socket) Read(p []byte) (int, error) {
	if len(s.carry) > 0 {
		n := copy(p, s.carry)
		s.carry = s.carry[n:]
		return n, nil
	}
	n, err := s.Conn.Read(p)
	if n > 0 {
		s.heard.Store(true)
	}
	return n, err
}

// Write is the library's way out, for one whole control frame a call.
func (s *socket) Write(frame []byte) (int, error) { return len(frame), s.send(frame) }

// send writes frames in their order and waits until the kernel has taken them. It fails if the client takes
// nothing for stallTimeout; then the socket is of no more use.
func (s *socket) send(frames ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	buffers := make(net.Buffers, 0, 1+len(frames))
	if len(s.rest) > 0 {
		buffers = append(buffers, s.rest)
		s.rest = nil
	}
	for _, frame := range frames {
		if s.closed {
			break
		}
		s.closed = isClose(frame)
		buffers = append(buffers, frame)
	}
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

// trySend writes what of b the kernel takes at once. It never waits, and takes nothing while another is writing. It
// returns how many frames it has begun and whether all of them are written whole; if not, the rest of the last one
// goes out first with the next send.
func (s *socket) trySend(w *rawWriter, b *batch) (begun int, whole bool, err error) {
	if s.raw == nil || !s.mu.TryLock() {
		return 0, false, nil
	}
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return len(b.frames), true, nil
	case len(s.rest) > 0:
		return 0, false, nil
	}
	n, err := w.write(s.raw, b.joined)
	if err != nil {
		return 0, false, err
	}
	for _, frame := range b.frames {
		if n <= 0 {
			return begun, false, nil
		}
		begun++
		s.closed = isClose(frame)
		if n < len(frame) {
			s.rest = frame[n:]
			return begun, false, nil
		}
		n -= len(frame)
	}
	return begun, true, nil
}

// isClose reports whether frame is a close frame (RFC 6455 §5.5.1).
func isClose(frame []byte) bool { return len(frame) > 0 && frame[0] == 0x88 }

// rawWriter writes to sockets without waiting. It belongs to one goroutine and allocates nothing.
type rawWriter struct {
	p       []byte
	n       int
	err     error
	attempt func(fd uintptr) (done bool)
}

func newRawWriter() *rawWriter {
	w := &rawWriter{}
	w.attempt = func(fd uintptr) bool {
		w.n, w.err = writeNonblocking(fd, w.p)
		return true
	}
	return w
}

func (w *rawWriter) write(raw syscall.RawConn, p []byte) (int, error) {
	w.p, w.n, w.err = p, 0, nil
	if err := raw.Write(w.attempt); err != nil {
		return 0, err
	}
	return w.n, w.err
}

// hijacker gives the WebSocket library a socket in place of the connection that it would take over, and small
// buffers.
type hijacker struct {
	http.ResponseWriter
	socket *socket // set by Hijack
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	var carry []byte
	if n := brw.Reader.Buffered(); n > 0 {
		carry = make([]byte, n)
		if _, err := brw.Reader.Read(carry); err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
	}
	h.socket = newSocket(conn, carry)
	return h.socket, bufio.NewReadWriter(bufio.NewReaderSize(h.socket, readBuffer), bufio.NewWriterSize(h.socket, writeBuffer)), nil
}
