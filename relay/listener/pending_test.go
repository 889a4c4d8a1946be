package listener

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestPendingConnsCloseTheOldestBeyondTheLimit opens connections, of which the second one becomes a client.
func TestPendingConnsCloseTheOldestBeyondTheLimit(t *testing.T) {
	pending := newPendingConns(2, slog.New(slog.DiscardHandler))
	var servers, clients []net.Conn
	open := func() {
		server, client := net.Pipe()
		servers, clients = append(servers, server), append(clients, client)
		t.Cleanup(func() { server.Close(); client.Close() })
		pending.connState(server, http.StateNew)
	}
	open()
	open()
	pending.connState(servers[1], http.StateHijacked)
	open() // the limit is reached
	open() // closes the first one
	open() // closes the third one
	for i, want := range []bool{true, false, true, false, false} {
		if got := isClosed(clients[i]); got != want {
			t.Errorf("connection %d: closed %v, want %v", i+1, got, want)
		}
	}
	pending.connState(servers[3], http.StateClosed)
	if n := len(pending.elements); n != 1 || pending.byAge.Len() != n {
		t.Errorf("%d and %d connections are pending, want 1", n, pending.byAge.Len())
	}
}

// isClosed reports whether the other end of a pipe is closed.
func isClosed(conn net.Conn) bool {
	conn.SetReadDeadline(time.Now())
	_, err := conn.Read(make([]byte, 1))
	return err == io.EOF
}
