package fanout

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"testing"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/fanout/fanouttest"
)

// tlsPair returns both ends of a TLS connection after its handshake.
func tlsPair(t *testing.T, buffers *budget.Budget) (*tlsConn, *tls.Conn) {
	t.Helper()
	ours, theirs := newTCPPair(t)
	t.Cleanup(func() { theirs.Close() })
	ours.(*net.TCPConn).SetWriteBuffer(16 << 10)
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	defer certificates.Close()
	secure := tls.Server(fanouttest.NewDivertConn(ours), certificates.TLS)
	client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error, 1)
	go func() { done <- client.Handshake() }()
	if err := errors.Join(secure.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	conn := newTLSConn(secure, buffers, netip.Prefix{})
	if conn == nil {
		t.Fatal("the connection is not diverted")
	}
	return conn, client
}

// TestFullSocketKeepsTheRestOfARecord fills a socket with records of different sizes. The client gets all bytes that
// were sealed, once and in order, and no record counts as written before the socket has all of it.
func TestFullSocketKeepsTheRestOfARecord(t *testing.T) {
	for _, size := range []int{1, 300, freeUnsent, 5000, tlsRecord, 100_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			buffers := budget.New(DefaultBuffers)
			conn, client := tlsPair(t, buffers)
			var sent bytes.Buffer
			for round, whole := 0, true; whole; round++ {
				p := bytes.Repeat([]byte{byte(round)}, size)
				n, all, err := conn.write(p)
				if err != nil {
					t.Fatal(err)
				}
				sent.Write(p[:n])
				whole = all
			}
			if len(conn.sealed) > maxSealed {
				t.Errorf("%d bytes wait, want at most %d", len(conn.sealed), maxSealed)
			}
			got := make(chan []byte)
			go func() { all, _ := io.ReadAll(client); got <- all }()
			for whole := false; !whole; {
				var err error
				if whole, err = conn.flush(); err != nil {
					t.Fatal(err)
				}
				if !whole {
					conn.socket.waitWritable()
				}
			}
			if used := buffers.Status().Used; used != 0 || !conn.flushed() {
				t.Errorf("%d bytes of the budget are held after the flush", used)
			}
			conn.close(false)
			if all := <-got; !bytes.Equal(all, sent.Bytes()) {
				t.Errorf("the client got %d bytes, want the %d that were sealed", len(all), sent.Len())
			}
		})
	}
}

// TestBytesThatWaitAreBounded adds records as crypto/tls does when it answers a client that does not read.
func TestBytesThatWaitAreBounded(t *testing.T) {
	for _, total := range []int{0, DefaultBuffers} {
		buffers := budget.New(total)
		conn, _ := tlsPair(t, buffers)
		var err error
		for answer := make([]byte, 27); err == nil; {
			_, err = conn.Write(answer)
		}
		limit := freeUnsent
		if total > 0 {
			limit = maxSealed
		}
		if err != errBuffersFull || len(conn.sealed) > limit {
			t.Errorf("budget %d: %v with %d bytes, want at most %d", total, err, len(conn.sealed), limit)
		}
		conn.close(true)
		if _, err := conn.Write(make([]byte, 1<<20)); err == nil || len(conn.sealed) != 0 {
			t.Errorf("bytes are kept after the end: %v", err)
		}
		if used := buffers.Status().Used; used != 0 {
			t.Errorf("budget %d: %d bytes are not released", total, used)
		}
	}
}

// TestReadEndsWithoutInput reads records that arrive in parts. It also checks that crypto/tls lets a read be repeated.
func TestReadEndsWithoutInput(t *testing.T) {
	conn, client := tlsPair(t, budget.New(0))
	var got bytes.Buffer
	received := func(p []byte, err error) bool { got.Write(p); return err == nil }
	want := bytes.Repeat([]byte("0123456789"), 5000)
	go client.Write(want)
	for buf := make([]byte, 100); got.Len() < len(want); {
		if err := conn.socket.waitReadable(); err != nil || !conn.read(buf, received) {
			t.Fatal("the connection ended", err)
		}
		if conn.readable < 0 {
			t.Errorf("a turn reads %d bytes too many", -conn.readable)
		}
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("the bytes differ")
	}
	client.Close()
	conn.socket.waitReadable()
	if conn.read(make([]byte, 100), received) {
		t.Error("the end is not reported")
	}
}

// TestHandshakeMemoryIsReleased fails if a new version of Go keeps the memory elsewhere.
func TestHandshakeMemoryIsReleased(t *testing.T) {
	conn, client := tlsPair(t, budget.New(0))
	releaseHandshake(conn.secure)
	for _, name := range handshakeBuffers {
		field := reflect.ValueOf(conn.secure).Elem().FieldByName(name)
		if !field.IsValid() || field.FieldByName("buf").Cap() != 0 {
			t.Errorf("tls.Conn.%s is not released", name)
		}
	}
	client.Write([]byte("after"))
	conn.socket.waitReadable()
	var got []byte
	conn.read(make([]byte, 100), func(p []byte, _ error) bool { got = append(got, p...); return true })
	if string(got) != "after" {
		t.Errorf("got %q", got)
	}
}
