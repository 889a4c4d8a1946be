package fanout

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"

	"wpre-relay/relay/budget"
)

const (
	// tlsRecord is the number of bytes sealed at once: the longest TLS record (RFC 8446 §5.1).
	tlsRecord = 16 << 10

	// maxSealed bounds the sealed bytes that wait for a socket: a record with its overhead, and answers to the client's
	// key updates, 27 bytes each.
	maxSealed = tlsRecord + 4<<10
)

// divertible is a connection below TLS whose reader and writer can be replaced.
type divertible interface{ Divert(io.ReadWriter) }

// tlsConn reads and writes a TLS connection without blocking. It sits on both sides of crypto/tls: the client's
// goroutines call read, write and flush, and crypto/tls below them calls Read and Write to reach the socket. A record
// can be sealed only once, so tlsConn keeps the part of it that the socket does not take. It seals more than
// freeUnsent bytes only if the socket is writable, so that part is small unless the kernel is short of memory.
type tlsConn struct {
	secure  *tls.Conn
	socket  descriptor
	budget  *budget.Budget
	network netip.Prefix

	readable int // bytes that Read may still take in this turn; owned by the goroutine that reads

	mu      sync.Mutex
	staged  []byte // the record that stage returned, until unstage; guarded by mu
	staging bool   // Write adds to staged; guarded by mu
	sealed  []byte // bytes that the socket has not taken, at most maxSealed; guarded by mu
	held    int    // bytes acquired from the budget for sealed; guarded by mu
	closed  bool   // guarded by mu
}

// newTLSConn takes over the socket of conn. It returns nil unless conn is TLS on a socket, with a divertible connection
// in between.
func newTLSConn(conn net.Conn, buffers *budget.Budget, network netip.Prefix) *tlsConn {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	below, ok := secure.NetConn().(divertible)
	if !ok {
		return nil
	}
	socket := takeDescriptor(withoutTransparent(secure.NetConn()))
	if !socket.ok() {
		return nil
	}
	t := &tlsConn{secure: secure, socket: socket, budget: buffers, network: network}
	below.Divert(t)
	return t
}

// write seals p and writes it until the socket is full. It returns the number of bytes that it has sealed, and whether
// the socket has taken everything.
func (t *tlsConn) write(p []byte) (n int, whole bool, err error) {
	for {
		if whole, err = t.flush(); !whole {
			return n, false, err
		}
		piece := p[n:min(n+tlsRecord, len(p))]
		if len(piece) == 0 {
			return n, true, nil
		}
		if len(piece) > freeUnsent && !t.socket.writable() {
			return n, false, nil
		}
		if _, err := t.secure.Write(piece); err != nil {
			return n, false, err
		}
		n += len(piece)
	}
}

// flush writes the sealed bytes that wait. It reports whether none are left.
func (t *tlsConn) flush() (whole bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.sealed) == 0 {
		return true, nil
	}
	n, err := t.writeSocket(t.sealed)
	if t.sealed = t.sealed[n:]; len(t.sealed) > 0 {
		return false, err
	}
	t.release()
	return true, nil
}

// flushed reports whether no sealed bytes wait.
func (t *tlsConn) flushed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sealed) == 0
}

// Write implements io.Writer for crypto/tls, which calls it with whole records. It keeps what the socket does not take.
// An error ends the connection: crypto/tls returns it from all later writes.
func (t *tlsConn) Write(p []byte) (n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.staging:
		t.staged = append(t.staged, p...)
		return len(p), nil
	case len(t.staged) == 0 && len(t.sealed) == 0:
		n, err = t.writeSocket(p)
	}
	if err == nil && n < len(p) {
		err = t.keep(p[n:])
	}
	if err != nil {
		return n, err
	}
	return len(p), nil
}

// keep adds rest to the sealed bytes. The caller holds mu.
func (t *tlsConn) keep(rest []byte) error {
	size := len(t.sealed) + len(rest)
	switch {
	case t.closed:
		return net.ErrClosed
	case size > maxSealed:
		return errBuffersFull
	case size > freeUnsent:
		if more := size - t.held; more > 0 {
			if !t.budget.Acquire(t.network, more) {
				return errBuffersFull
			}
			t.held = size
		}
	}
	t.sealed = append(t.sealed, rest...)
	return nil
}

// writeSocket writes what the socket takes at once.
func (t *tlsConn) writeSocket(p []byte) (int, error) {
	w := writers.Get().(*transfer)
	defer writers.Put(w)
	return w.do(t.socket, p)
}

// release drops the sealed bytes. The caller holds mu.
func (t *tlsConn) release() {
	t.budget.Release(t.network, t.held)
	t.sealed, t.held = nil, 0
}

// close closes the connection and drops the sealed bytes. It sends the close alert (RFC 8446 §6.1), if the socket takes
// it, unless abort is set.
func (t *tlsConn) close(abort bool) error {
	if !abort {
		t.secure.CloseWrite()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.staged = true, nil
	t.release()
	return t.socket.close(abort)
}

// read reads at most readBuffer sealed bytes and passes the plain bytes to received, until that returns false. It
// reports whether to continue to read the client. It reads everything that crypto/tls holds, of which epoll does not
// know. buf is memory for it.
func (t *tlsConn) read(buf []byte, received func(p []byte, err error) (more bool)) (more bool) {
	t.readable = readBuffer
	for {
		n, err := t.secure.Read(buf)
		blocked := err == errWouldBlock
		if blocked {
			err = nil
		}
		if (n > 0 || err != nil) && !received(buf[:n], err) {
			return false
		}
		if blocked {
			return true
		}
	}
}

// Read implements io.Reader for crypto/tls. It returns errWouldBlock if the socket has no more or the turn is over.
func (t *tlsConn) Read(p []byte) (int, error) {
	p = p[:min(len(p), t.readable)]
	if len(p) == 0 {
		return 0, errWouldBlock
	}
	r := readers.Get().(*transfer)
	defer readers.Put(r)
	n, err := r.do(t.socket, p)
	if n < len(p) {
		t.readable = 0 // the socket is empty
	} else {
		t.readable -= n
	}
	if n == 0 && err == nil {
		err = errWouldBlock
	}
	return n, err
}

// errWouldBlock ends a read of crypto/tls for now. It is a temporary net.Error: after such an error, crypto/tls keeps
// the part of a record that it has, and the next read continues there (Conn.readRecordOrCCS in Go 1.26). Errors of
// writes are permanent, so Write returns none for a full socket.
var errWouldBlock = os.ErrDeadlineExceeded

var (
	readers = sync.Pool{New: func() any { return newReader() }}
	writers = sync.Pool{New: func() any { return newWriter() }}
)
