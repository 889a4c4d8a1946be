package fanout_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
)

// masked returns one frame of a client (RFC 6455 §5.2). first is its first byte.
func masked(first byte, payload string) string {
	frame := []byte{first, 0x80}
	switch n := len(payload); {
	case n < 126:
		frame[1] |= byte(n)
	case n <= 0xffff:
		frame[1] |= 126
		frame = binary.BigEndian.AppendUint16(frame, uint16(n))
	default:
		frame[1] |= 127
		frame = binary.BigEndian.AppendUint64(frame, uint64(n))
	}
	key := [4]byte{0xa1, 0xb2, 0xc3, 0xd4}
	frame = append(frame, key[:]...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^key[i%4])
	}
	return string(frame)
}

// closing returns the payload of a close frame.
func closing(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

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

// TestAConnectionIsFailedAsTheStandardSays sends what a client may not, after RFC 6455, and expects a close frame
// with the code for it, and then the end.
func TestAConnectionIsFailedAsTheStandardSays(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	for _, c := range []struct {
		name, frames string
		code         uint16
	}{
		{"§5.2 reserved bit 1", masked(text|0x40, "x"), 1002},
		{"§5.2 reserved bit 2", masked(text|0x20, "x"), 1002},
		{"§5.2 reserved bit 3", masked(text|0x10, "x"), 1002},
		{"§5.2 data opcode 3", masked(0x83, "x"), 1002},
		{"§5.2 data opcode 7", masked(0x87, "x"), 1002},
		{"§5.2 control opcode 11", masked(0x8b, "x"), 1002},
		{"§5.2 control opcode 15", masked(0x8f, "x"), 1002},
		{"§5.1 not masked", "\x81\x01x", 1002},
		{"§5.5 fragmented ping", masked(pingOp-fragment, "x"), 1002},
		{"§5.5 fragmented close", masked(closeOp-fragment, closing(1000, "")), 1002},
		{"§5.5 ping of 126 bytes", masked(pingOp, strings.Repeat("x", 126)), 1002},
		{"§5.5 pong of 65536 bytes", masked(pongOp, strings.Repeat("x", 1<<16))[:14], 1002},
		{"§5.4 continuation of nothing", masked(continuation, "x"), 1002},
		{"§5.4 continuation after a whole message", masked(text, "x") + masked(continuation, "x"), 1002},
		{"§5.4 message inside of another", masked(text-fragment, "x") + masked(text, "x"), 1002},
		{"§5.5.1 close code of one byte", masked(closeOp, "\x03"), 1002},
		{"§7.4.2 close code 0", masked(closeOp, closing(0, "")), 1002},
		{"§7.4.2 close code 999", masked(closeOp, closing(999, "")), 1002},
		{"§7.4.1 close code 1004", masked(closeOp, closing(1004, "")), 1002},
		{"§7.4.1 close code 1005", masked(closeOp, closing(1005, "")), 1002},
		{"§7.4.1 close code 1006", masked(closeOp, closing(1006, "")), 1002},
		{"§7.4.1 close code 1015", masked(closeOp, closing(1015, "")), 1002},
		{"§7.4.2 close code 2999", masked(closeOp, closing(2999, "")), 1002},
		{"§7.4.2 close code 5000", masked(closeOp, closing(5000, "")), 1002},
		{"§8.1 close reason", masked(closeOp, closing(1000, "\xff")), 1007},
		{"§8.1 text", masked(text, "\xc3"), 1007},
		{"§8.1 text in fragments", masked(text-fragment, "ü") + masked(continuation, "\xff"), 1007},
		{"§10.4 message of 4097 bytes", masked(text, strings.Repeat("x", 4097)), 1009},
		{"§10.4 message of 65536 bytes", masked(text, strings.Repeat("x", 1<<16))[:14], 1009},
		{"§10.4 message of 2^63 bytes", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00", 1009},
		{"§10.4 fragments of 4097 bytes", masked(text-fragment, strings.Repeat("x", 4096)) + masked(continuation, "x"), 1009},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, r := h.dial(t, "")
			io.WriteString(conn, c.frames)
			header := make([]byte, 4)
			if _, err := io.ReadFull(r, header); err != nil || header[0] != closeOp {
				t.Fatalf("got % x, %v, want a close frame", header, err)
			}
			if got := binary.BigEndian.Uint16(header[2:]); got != c.code {
				t.Errorf("closed with %d, want %d", got, c.code)
			}
			io.WriteString(conn, masked(closeOp, closing(c.code, ""))) // which is not waited for
			conn.Close()
		})
	}
	until(t, "end of all", func() bool { return h.clients.Len() == 0 })
}

// TestWhatTheStandardAllowsIsTaken sends frames of every length at a boundary, whole and cut into bytes, and expects
// that the connection lives on: a ping behind them is answered.
func TestWhatTheStandardAllowsIsTaken(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	frames := []string{
		masked(pongOp, ""),
		masked(pongOp, strings.Repeat("x", 125)),
		masked(text-fragment, "gr\xc3") + masked(pongOp, "between") + masked(continuation-fragment, "") + masked(continuation, "\xbcn"),
		masked(binaryMessage, "\xff\xfe"),
	}
	for _, n := range []int{0, 1, 125, 126, 127, 4095, 4096} {
		frames = append(frames, masked(text, strings.Repeat("x", n)))
	}
	for i, frame := range frames {
		t.Run(fmt.Sprint("whole ", i), func(t *testing.T) {
			conn, r := h.dial(t, frame)
			io.WriteString(conn, frame+masked(pingOp, "here?"))
			expectFrames(t, r, "\x8a\x05here?")
		})
		t.Run(fmt.Sprint("in pieces ", i), func(t *testing.T) {
			conn, r := h.dial(t, frame[:1])
			conn.(*net.TCPConn).SetNoDelay(true)
			rest := frame[1:] + masked(pingOp, "here?")
			for step := 1 + len(rest)/200; len(rest) > 0; rest = rest[min(step, len(rest)):] {
				io.WriteString(conn, rest[:min(step, len(rest))])
			}
			expectFrames(t, r, "\x8a\x05here?")
		})
	}
}

// TestACloseFrameIsAnsweredWithItsCode also when the client hangs up its half at once, when it comes with the
// handshake, and when it lags.
func TestACloseFrameIsAnsweredWithItsCode(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	for payload, answer := range map[string]string{
		"":                                   "\x88\x00",
		closing(1000, ""):                    "\x88\x02\x03\xe8",
		closing(1001, "the page is left"):    "\x88\x02\x03\xe9",
		closing(4999, "an application code"): "\x88\x02\x13\x87",
	} {
		conn, r := h.dial(t, "")
		io.WriteString(conn, masked(closeOp, payload))
		conn.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(r); string(got) != answer || err != nil {
			t.Errorf("close frame %q: got % x, %v, want % x and the end", payload, got, err, answer)
		}
	}
	_, early := h.dial(t, masked(closeOp, closing(1000, "")))
	if got, err := io.ReadAll(early); string(got) != "\x88\x02\x03\xe8" || err != nil {
		t.Errorf("with the handshake: got % x, %v", got, err)
	}
	until(t, "end of all", func() bool { return h.clients.Len() == 0 })
}

// TestAFloodOfPingsCostsNoMemory sends many while it reads no answer, and expects the last to be answered.
func TestAFloodOfPingsCostsNoMemory(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{MessageRate: 1 << 30})
	conn, r := h.dial(t, "")
	before := heapFromSystem()
	flood := strings.Repeat(masked(pingOp, ""), 10_000)
	for range 100 {
		if _, err := io.WriteString(conn, flood); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(conn, masked(pingOp, "last"))
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
	io.WriteString(conn, masked(pingOp, "first")+masked(pingOp, "last")+masked(closeOp, closing(1000, "")))
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\x88\x02\x03\xe8"; !strings.HasSuffix(string(all), want) {
		t.Errorf("the last bytes are % x, want % x", all[max(0, len(all)-4):], want)
	}
}
