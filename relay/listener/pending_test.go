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
	pending := newPendingConns(2, maxPendingBytes, slog.New(slog.DiscardHandler))
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

// scriptedConn is a pending connection, and the other end of it.
type scriptedConn struct {
	pending *pendingConns
	server  *countedConn
	client  net.Conn
}

// newScriptedConn returns a new connection from address number from.
func newScriptedConn(t *testing.T, pending *pendingConns, from byte) scriptedConn {
	server, client := net.Pipe()
	t.Cleanup(func() { server.Close(); client.Close() })
	c := scriptedConn{pending, &countedConn{Conn: addressed{server, from}}, client}
	pending.connState(c.server, http.StateNew)
	return c
}

// send makes the connection receive n bytes.
func (c scriptedConn) send(n int) {
	go c.client.Write(make([]byte, n))
	io.ReadFull(c.server, make([]byte, n))
}

// TestPendingConnsCloseTheOldestOfTheGreediestNetwork has a network that sends the most, and others.
func TestPendingConnsCloseTheOldestOfTheGreediestNetwork(t *testing.T) {
	pending := newPendingConns(100, 1000, slog.New(slog.DiscardHandler))
	conns := make(map[string]scriptedConn)
	for name, from := range map[string]byte{"visitor": 1, "complete": 3} {
		conns[name] = newScriptedConn(t, pending, from)
	}
	for _, name := range []string{"first", "second", "third"} { // in the order of their age
		conns[name] = newScriptedConn(t, pending, 2)
	}
	conns["visitor"].send(300)
	conns["second"].send(200)
	conns["first"].send(200)
	conns["complete"].send(200)
	pending.connState(conns["complete"].server, http.StateActive)
	conns["complete"].send(5000) // a body
	conns["third"].send(250)     // 950 bytes count
	conns["third"].send(100)     // closes the first
	pending.connState(conns["complete"].server, http.StateIdle)
	conns["complete"].send(250) // closes the second
	for name, want := range map[string]bool{
		"visitor": false, "first": true, "second": true, "third": false, "complete": false,
	} {
		if got := isClosed(conns[name].client); got != want {
			t.Errorf("%s: closed %v, want %v", name, got, want)
		}
	}
	for _, c := range conns {
		pending.connState(c.server, http.StateClosed)
	}
	if pending.bytes != 0 || len(pending.byNetwork) != 0 {
		t.Errorf("%d bytes and %d networks are left", pending.bytes, len(pending.byNetwork))
	}
}

// answer makes the server answer while the connection is pending.
func (c scriptedConn) answer() {
	go c.server.Write([]byte("hello"))
	io.ReadFull(c.client, make([]byte, 5))
}

// TestAnsweredHellosDoNotCount has visitors with usual TLS handshakes beside a large one.
func TestAnsweredHellosDoNotCount(t *testing.T) {
	pending := newPendingConns(100, 10_000, slog.New(slog.DiscardHandler))
	var visitors []scriptedConn
	for range 10 {
		visitor := newScriptedConn(t, pending, 1)
		visitor.send(1700)
		visitor.answer()
		visitors = append(visitors, visitor)
	}
	large := newScriptedConn(t, pending, 2)
	large.send(6000)
	large.answer()
	large.answer() // exempts no further bytes
	other := newScriptedConn(t, pending, 3)
	other.send(3000)
	if isClosed(large.client) {
		t.Error("a connection was closed within the limit")
	}
	other.send(3060)
	if !isClosed(other.client) || isClosed(large.client) {
		t.Error("the connection with the most bytes was not closed")
	}
	for i, visitor := range visitors {
		if isClosed(visitor.client) {
			t.Errorf("visitor %d was closed", i)
		}
		pending.connState(visitor.server, http.StateClosed)
	}
	pending.connState(large.server, http.StateClosed)
	if pending.bytes != 0 || len(pending.byNetwork) != 0 {
		t.Errorf("%d bytes and %d networks are left", pending.bytes, len(pending.byNetwork))
	}
}

// addressed is a connection of a client with an address.
type addressed struct {
	net.Conn
	address byte
}

func (c addressed) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, c.address), Port: 1}
}
