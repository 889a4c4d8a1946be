package fanout_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
)

// dial makes a connection that is upgraded by hand, and sends early with the handshake.
func (h *house) dial(t testing.TB, early string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", h.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+early); err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	return conn, r
}

// expectFrames reads exactly these bytes.
func expectFrames(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); string(got) != want {
		t.Fatalf("got % x (%v), want % x", got[:n], err, want)
	}
}

const (
	text, binaryMessage, continuation = 0x81, 0x82, 0x80
	closeOp, pingOp, pongOp           = 0x88, 0x89, 0x8a
	fragment                          = 0x80 // taken off the first byte of a frame that is not the last
)

// TestAFloodOfPingsCostsNoMemory sends many while it reads no answer, and expects the last to be answered.
func TestAFloodOfPingsCostsNoMemory(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{MessageRate: 1 << 30, MaxMessage: 1 << 20})
	conn, r := h.dial(t, "")
	before := heapFromSystem()
	flood := strings.Repeat(fanouttest.Masked(pingOp, ""), 10_000)
	for range 100 {
		if _, err := io.WriteString(conn, flood); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(conn, fanouttest.Masked(pingOp, "last"))
	for pong := make([]byte, 2); pong[1] != 4; {
		if _, err := io.ReadFull(r, pong); err != nil || pong[0] != pongOp {
			t.Fatalf("got % x, %v, want a pong", pong, err)
		}
	}
	if grown := int64(heapFromSystem() - before); grown > 32<<20 { // one answer each would be 70 MB
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
}

// heapFromSystem returns the most that the heap has ever been, in bytes.
func heapFromSystem() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapSys
}

// TestALaggingClientIsAnsweredToo has a client that pings and closes while it does not read.
func TestALaggingClientIsAnsweredToo(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	conn, r := h.dial(t, "")
	until(t, "client", func() bool { return h.clients.Len() == 1 })
	const events, padding = 400, 50_000 // more than the kernel's buffers take
	for n := 1; n <= events; n++ {
		h.log.Append(event(t, n, padding))
	}
	io.WriteString(conn, fanouttest.Masked(pingOp, "first")+fanouttest.Masked(pingOp, "last")+fanouttest.Masked(closeOp, fanouttest.ClosePayload(1000, "")))
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\x88\x02\x03\xe8"; !strings.HasSuffix(string(all), want) {
		t.Errorf("the last bytes are % x, want % x", all[max(0, len(all)-4):], want)
	}
}
