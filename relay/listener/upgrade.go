package listener

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// maxQuickRequest is the size of a request, in bytes, up to which upgradeServer serves it. It is the size of net/http's
// buffer, which then takes the beginning of a longer request with one read.
const maxQuickRequest = 4 << 10

// upgradeServer accepts connections. If a connection begins with a whole WebSocket handshake, it calls the handler. It
// passes all other connections to net/http, with the bytes that it has read. With net/http for all of them, a connect
// takes 1.35 times the CPU time: net/http starts a goroutine and two deadlines to notice that the client is gone while
// the handler runs, and allocates 10 KiB.
type upgradeServer struct {
	handler   http.Handler
	pending   *pendingConns
	others    *handoffListener // passes connections to net/http
	passAll   bool             // net/http serves all connections
	logger    *slog.Logger
	requests  sync.Pool // of *quickRequest
	serving   sync.WaitGroup
	isStopped atomic.Bool
}

// quickRequest is the memory for reading a request.
type quickRequest struct {
	bytes  [maxQuickRequest]byte
	parsed bytes.Reader
	lines  *bufio.Reader // reads parsed
}

func newUpgradeServer(
	handler http.Handler, pending *pendingConns, others *handoffListener, opts Options,
) *upgradeServer {
	u := &upgradeServer{
		handler: handler, pending: pending, others: others, passAll: opts.HandshakesWait, logger: opts.Logger,
	}
	u.requests.New = func() any {
		q := new(quickRequest)
		q.lines = bufio.NewReader(&q.parsed)
		return q
	}
	return u
}

// accept serves the connections of listener until Accept fails, and sends the error to failed. If it returns before
// that, another goroutine continues.
func (u *upgradeServer) accept(listener net.Listener, failed chan<- error) {
	turn := newTurn(func() { u.accept(listener, failed) })
	for hasTurn := true; hasTurn; {
		conn, err := listener.Accept()
		if err != nil {
			failed <- err
			return
		}
		c, plain := conn.(*countedConn)
		if !u.passAll && plain {
			hasTurn = u.serveArrived(c, turn)
			continue
		}
		if !u.others.pass(conn) { // crypto/tls is left to net/http
			conn.Close()
		}
	}
}

// serveArrived serves a connection whose request has arrived. It passes others on: to net/http, or if nothing has
// arrived, to a goroutine that waits. It reports whether the calling goroutine still has the turn.
func (u *upgradeServer) serveArrived(c *countedConn, t *turn) bool {
	q := u.requests.Get().(*quickRequest)
	defer u.requests.Put(q)
	received := q.bytes[:c.readArrived(q.bytes[:])]
	if len(received) == 0 {
		u.pending.setState(c, http.StateNew)
		u.serving.Go(func() { u.serve(c) })
		return true
	}
	r, rest := q.parse(received)
	if r == nil {
		u.pending.setState(c, http.StateNew)
		c.received(len(received))
		u.passOn(c, received)
		return true
	}
	u.serving.Add(1)
	defer u.serving.Done()
	t.begin()
	u.upgrade(c, r, rest, t)
	return t.end()
}

// serve reads the beginning of a connection, and serves it or passes it to net/http.
func (u *upgradeServer) serve(c *countedConn) {
	c.isQuick.Store(true)
	q := u.requests.Get().(*quickRequest)
	defer u.requests.Put(q)
	c.SetReadDeadline(time.Now().Add(requestTimeout))
	if u.isStopped.Load() {
		u.close(c)
		return
	}
	n, err := c.Read(q.bytes[:])
	c.isQuick.Store(false)
	c.SetReadDeadline(time.Time{})
	if err != nil {
		u.close(c)
		return
	}
	received := q.bytes[:n]
	r, rest := q.parse(received)
	if r == nil {
		u.passOn(c, received)
		return
	}
	u.pending.setState(c, http.StateActive)
	u.upgrade(c, r, rest, nil)
}

// upgrade calls the handler with a request that rest follows. If the handler has rejected it, net/http serves further
// requests on the connection. t is the turn of the calling goroutine, nil if it has none.
func (u *upgradeServer) upgrade(c *countedConn, r *http.Request, rest []byte, t *turn) {
	defer func() {
		if reason := recover(); reason != nil {
			u.logger.Error("handler failed", "error", reason, "stack", string(debug.Stack()))
			u.close(c)
		}
	}()
	r.RemoteAddr = c.RemoteAddr().String()
	w := &upgradeResponse{conn: c, rest: rest, header: make(http.Header)}
	c.turn = t
	u.handler.ServeHTTP(w, r.WithContext(withConn(context.Background(), c)))
	c.turn = nil
	switch {
	case w.hijacked:
		u.pending.setState(c, http.StateHijacked)
	case w.finish() != nil:
		u.close(c)
	default:
		u.pending.setState(c, http.StateIdle)
		u.passOn(c, rest)
	}
}

// passOn passes a connection to net/http, with the bytes that were read from it.
func (u *upgradeServer) passOn(c *countedConn, received []byte) {
	if !u.others.pass(&handoffConn{countedConn: c, received: bytes.Clone(received)}) {
		u.close(c)
	}
}

// close closes a connection that net/http does not have.
func (u *upgradeServer) close(c *countedConn) {
	c.Close()
	u.pending.setState(c, http.StateClosed)
}

// stop closes the connections that have sent nothing, and returns when the requests in progress are answered, or ctx
// ends. The caller must have closed the listener.
func (u *upgradeServer) stop(ctx context.Context) {
	u.isStopped.Store(true)
	u.pending.each(func(c *countedConn) {
		if c.isQuick.Load() {
			c.SetReadDeadline(time.Now())
		}
	})
	served := make(chan struct{})
	go func() { defer close(served); u.serving.Wait() }()
	select {
	case <-served:
	case <-ctx.Done():
	}
}
