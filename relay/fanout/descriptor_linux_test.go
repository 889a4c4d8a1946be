package fanout

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// tcpPair returns both ends of a TCP connection.
func tcpPair(t *testing.T, listener net.Listener) (ours, theirs net.Conn) {
	t.Helper()
	theirs, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// newTCPPair returns both ends of a new TCP connection.
func newTCPPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return tcpPair(t, listener)
}

// TestClosedConnectionHasNoDescriptor takes over a connection that a limit of pending connections has closed.
func TestClosedConnectionHasNoDescriptor(t *testing.T) {
	ours, theirs := newTCPPair(t)
	defer theirs.Close()
	ours.Close()
	if d := takeDescriptor(ours); d.ok() {
		t.Errorf("got %+v, want none", d)
	}
}

// TestCloseUnderAWriterIsSafe closes a connection while a goroutine writes to its descriptor, and opens another
// one, which gets the same number. The writer must fail, and must not write to the other connection.
func TestCloseUnderAWriterIsSafe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for range 200 {
		ours, theirs := tcpPair(t, listener)
		started := make(chan struct{})
		var closed atomic.Bool
		var writing sync.WaitGroup
		conn := connOf(ours)
		writing.Go(func() { writeUntilClosed(t, conn.direct, started, &closed) })
		<-started
		conn.Close()
		next, nextTheirs := tcpPair(t, listener)
		closed.Store(true)
		writing.Wait()
		io.WriteString(next, "right")
		next.Close()
		if got, err := io.ReadAll(nextTheirs); string(got) != "right" || err != nil {
			t.Fatalf("the other connection got %.40q, %v", got, err)
		}
		theirs.Close()
		nextTheirs.Close()
	}
}

// writeUntilClosed writes to d until that fails. It closes started after the first write. A write that begins after
// closed is set must fail.
func writeUntilClosed(t *testing.T, d descriptor, started chan struct{}, closed *atomic.Bool) {
	w := newWriter()
	for first := true; ; first = false {
		mustFail := closed.Load()
		_, err := w.do(d, []byte("stray"))
		if first {
			close(started)
		}
		switch {
		case errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
			return
		case err != nil || mustFail:
			t.Errorf("a write after the close: %v", err)
			return
		}
	}
}

func TestClosedDescriptorRefusesReadsAndWrites(t *testing.T) {
	ours, theirs := newTCPPair(t)
	defer theirs.Close()
	conn := connOf(ours)
	d := conn.direct
	conn.Close()
	for _, transfer := range []*transfer{newReader(), newWriter()} {
		if n, err := transfer.do(d, make([]byte, 1)); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %d, %v, want net.ErrClosed", n, err)
		}
	}
	if !unacked(d) {
		t.Error("the bytes of a closed connection count as acknowledged")
	}
}

// layer is a connection that adds nothing to the one below.
type layer struct{ net.Conn }

func (l layer) Transparent() net.Conn { return l.Conn }

// raw is a connection with a layer for the PROXY protocol.
type raw struct{ net.Conn }

func (r raw) Raw() net.Conn { return r.Conn }

func connOf(conn net.Conn) clientConn { return newClientConn(conn, nil, netip.Prefix{}) }

func TestTransparentLayerIsSkipped(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, theirs := tcpPair(t, listener)
	defer theirs.Close()
	if proxied := connOf(layer{raw{layer{ours}}}); proxied.direct.ok() || !proxied.pollable() {
		t.Error("the socket below the PROXY protocol is not found")
	}
	secure := connOf(tls.Server(layer{ours}, nil))
	if secure.direct.ok() || !secure.pollable() {
		t.Error("the socket below TLS is not found")
	}
	conn := connOf(layer{layer{ours}}) // the last one, because it takes over the connection
	if !conn.direct.ok() || !conn.allAcked() {
		t.Error("the shard cannot write to the connection directly")
	}
	conn.Close()
}
