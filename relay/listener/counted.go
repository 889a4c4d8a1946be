package listener

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// countedListener makes pendingConns count what its connections receive, and handshakes count their handshakes. It
// must be below TLS, whose handshake counts, too.
type countedListener struct{ net.Listener }

// Accept implements net.Listener.
func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if _, secure := conn.(*tls.Conn); err != nil || secure { // TLS.Wrap has a countedListener below
		return conn, err
	}
	return &countedConn{Conn: conn}, nil
}

// countedConn is a connection that reports the bytes that it receives while it is pending, and has a place among the
// handshakes while it computes.
type countedConn struct {
	net.Conn
	pending    atomic.Pointer[pendingConn] // nil: not reported
	divert     io.ReadWriter               // nil before Divert
	handshakes *handshakes                 // nil: its handshake is not counted
	hasPlace   atomic.Bool                 // it must end its handshake
	isQuick    atomic.Bool                 // upgradeServer waits for its first bytes
	handling   atomic.Bool                 // the handler is running; another goroutine may write once it has hijacked

	// The goroutine that serves the connection owns these.
	answered bool  // the connection has got a response
	turn     *turn // of the goroutine that serves the connection; nil if that does not accept connections
}

// Read implements net.Conn.
func (c *countedConn) Read(p []byte) (int, error) {
	if c.divert != nil {
		return c.divert.Read(p)
	}
	if c.pending.Load() == nil { // net/http waits for the end of the connection while the handler runs
		return c.Conn.Read(p)
	}
	c.endHandshake()
	n, err := c.Conn.Read(p)
	if n == 0 {
		return n, err
	}
	c.received(n)
	if c.handshakes != nil {
		c.hasPlace.Store(c.handshakes.begin())
	}
	return n, err
}

// received reports bytes of a pending connection.
func (c *countedConn) received(n int) {
	if pending := c.pending.Load(); pending != nil {
		pending.received(n, c.RemoteAddr())
	}
}

// readArrived reads the first bytes of a new connection if they have arrived, and then has a place. It reads nothing
// if the connection is none that can do so without waiting.
func (c *countedConn) readArrived(p []byte) (n int) {
	socket := c.Conn
	for layer, ok := socket.(transparent); ok; layer, ok = socket.(transparent) {
		socket = layer.Transparent()
	}
	patient, ok := socket.(interface{ SetNoWait(noWait bool) })
	if !ok {
		return 0
	}
	patient.SetNoWait(true)
	defer patient.SetNoWait(false)
	if n, _ = c.Conn.Read(p); n > 0 {
		c.hasPlace.Store(c.handshakes.begin())
	}
	return n
}

// endHandshake frees the connection's place, if it has one.
func (c *countedConn) endHandshake() {
	if c.hasPlace.Swap(false) {
		c.handshakes.end()
	}
}

// Write implements net.Conn. It ends the handshake when net/http sends a response, after which it may wait. Before
// that, the handler's response fits into the empty send buffer.
func (c *countedConn) Write(p []byte) (int, error) {
	if c.divert != nil {
		return c.divert.Write(p)
	}
	if pending := c.pending.Load(); pending != nil {
		pending.answered()
	}
	if c.hasPlace.Load() && !c.handling.Load() {
		c.endHandshake()
	}
	return c.Conn.Write(p)
}

// Divert makes Read and Write use rw from now on, so that a caller can read and write below TLS without blocking. No
// other goroutine may use the connection meanwhile.
func (c *countedConn) Divert(rw io.ReadWriter) { c.divert = rw }

// connState ends the handshake when the connection has been upgraded, answered or closed. It is a hook for
// http.Server.ConnState.
func (c *countedConn) connState(state http.ConnState) {
	switch state {
	case http.StateIdle:
		c.answered = true
		c.endHandshake()
	case http.StateHijacked, http.StateClosed:
		c.endHandshake()
	}
}

// handle calls handler. The handshake continues for a WebSocket handshake, the first request of its connection, and
// ends before other requests: their handlers may wait for anything, and their responses for the client.
func (c *countedConn) handle(handler http.Handler, w http.ResponseWriter, r *http.Request) {
	if c.answered || r.Body != http.NoBody || r.Header.Get("Upgrade") == "" {
		c.endHandshake()
	}
	c.handling.Store(true)
	defer c.handling.Store(false)
	handler.ServeHTTP(w, r)
}

// Transparent returns the connection below, which passes the same bytes. Once the connection is not pending, that can
// be used instead.
func (c *countedConn) Transparent() net.Conn { return c.Conn }

// counted returns the connection that counts for conn, or nil if there is none.
func counted(conn net.Conn) *countedConn {
	switch conn := conn.(type) {
	case *tls.Conn:
		return counted(conn.NetConn())
	case *handoffConn:
		return conn.countedConn
	case *countedConn:
		return conn
	default:
		return nil
	}
}
