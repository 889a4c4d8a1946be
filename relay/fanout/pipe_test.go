package fanout_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
)

// bubble is a log and its clients in virtual time. Connections are pipes, which have no buffer: a write blocks
// until the other side has read it.
type bubble struct {
	log         *eventlog.Log
	clients     *fanout.Clients
	disconnects chan fanout.Disconnect
	run         func() // starts Run
	stop        func() // ends Run and waits for it
}

// inBubble calls test in virtual time. It fails if a goroutine is left after test has stopped the clients and
// closed its ends of the pipes.
func inBubble(t *testing.T, opts fanout.Options, test func(t *testing.T, b *bubble)) {
	opts.Logger = discard
	synctest.Test(t, func(t *testing.T) {
		log := openLog(t, eventlog.Options{})
		b := &bubble{log: log, clients: fanout.New(log.Reader, opts), disconnects: make(chan fanout.Disconnect, 100)}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		b.run = func() { go func() { defer close(done); b.clients.Run(ctx) }() }
		b.stop = func() { cancel(); <-done }
		test(t, b)
	})
}

// connect connects a client and returns its end of the pipe.
func (b *bubble) connect(t *testing.T, cfg fanout.ClientConfig) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	b.accept(t, theirs, cfg)
	return ours
}

// accept makes conn a client.
func (b *bubble) accept(t *testing.T, conn net.Conn, cfg fanout.ClientConfig) {
	t.Helper()
	cfg.OnDisconnect = func(d fanout.Disconnect) { b.disconnects <- d }
	w, accept := pipeResponse{httptest.NewRecorder(), conn}, b.clients.AcceptWebSocket
	if cfg.Format == fanout.SSE {
		accept = b.clients.AcceptSSE
	}
	if err := accept(w, upgradeRequest(), cfg); err != nil {
		t.Fatal(err)
	}
}

// pipeResponse is a response that can be hijacked.
type pipeResponse struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (w pipeResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// upgradeRequest returns a WebSocket handshake.
func upgradeRequest() *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header = http.Header{
		"Upgrade":               {"websocket"},
		"Connection":            {"Upgrade"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {strings.Repeat("A", 22) + "=="},
	}
	return r
}
