//go:build linux

package integration_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"wpre-relay/relay/fanout/fanouttest"
)

// closing returns a close frame of a client.
func closing(code uint16, reason string) string {
	return fanouttest.Masked(closeFrame, fanouttest.ClosePayload(code, reason))
}

// invalidFrames are frames that RFC 6455 forbids a client to send, with the close code for each.
var invalidFrames = []struct {
	name, frames string
	code         uint16
}{
	{"§5.2 reserved bit 1", fanouttest.Masked(textFrame|0x40, "x"), 1002},
	{"§5.2 reserved bit 2", fanouttest.Masked(textFrame|0x20, "x"), 1002},
	{"§5.2 reserved bit 3", fanouttest.Masked(textFrame|0x10, "x"), 1002},
	{"§5.2 data opcode 3", fanouttest.Masked(0x83, "x"), 1002},
	{"§5.2 data opcode 7", fanouttest.Masked(0x87, "x"), 1002},
	{"§5.2 control opcode 11", fanouttest.Masked(0x8b, "x"), 1002},
	{"§5.2 control opcode 15", fanouttest.Masked(0x8f, "x"), 1002},
	{"§5.1 not masked", "\x81\x01x", 1002},
	{"§5.5 fragmented ping", fanouttest.Masked(pingFrame-more, "x"), 1002},
	{"§5.5 fragmented close", fanouttest.Masked(closeFrame-more, fanouttest.ClosePayload(1000, "")), 1002},
	{"§5.5 ping of 126 bytes", fanouttest.Masked(pingFrame, strings.Repeat("x", 126)), 1002},
	{"§5.5 pong of 65536 bytes", fanouttest.Masked(pongFrame, strings.Repeat("x", 1<<16))[:14], 1002},
	{"§5.4 continuation without a message", fanouttest.Masked(continuationFrame, "x"), 1002},
	{"§5.4 continuation after a whole message", fanouttest.Masked(textFrame, "x") +
		fanouttest.Masked(continuationFrame, "x"), 1002},
	{"§5.4 message inside of another", fanouttest.Masked(textFrame-more, "x") + fanouttest.Masked(textFrame, "x"), 1002},
	{"§5.5.1 close code of one byte", fanouttest.Masked(closeFrame, "\x03"), 1002},
	{"§7.4.2 close code 0", closing(0, ""), 1002},
	{"§7.4.2 close code 999", closing(999, ""), 1002},
	{"§7.4.1 close code 1004", closing(1004, ""), 1002},
	{"§7.4.1 close code 1005", closing(1005, ""), 1002},
	{"§7.4.1 close code 1006", closing(1006, ""), 1002},
	{"§7.4.1 close code 1015", closing(1015, ""), 1002},
	{"§7.4.2 close code 2999", closing(2999, ""), 1002},
	{"§7.4.2 close code 5000", closing(5000, ""), 1002},
	{"§8.1 close reason", closing(1000, "\xff"), 1007},
	{"§8.1 text", fanouttest.Masked(textFrame, "\xc3"), 1007},
	{"§8.1 text in fragments", fanouttest.Masked(textFrame-more, "ü") +
		fanouttest.Masked(continuationFrame, "\xff"), 1007},
	{"§10.4 message of 4097 bytes", fanouttest.Masked(textFrame, strings.Repeat("x", 4097)), 1009},
	{"§10.4 message of 65536 bytes", fanouttest.Masked(textFrame, strings.Repeat("x", 1<<16))[:14], 1009},
	{"§10.4 message of 2^63 bytes", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00", 1009},
	{"§10.4 fragments of 4097 bytes", fanouttest.Masked(textFrame-more, strings.Repeat("x", 4096)) +
		fanouttest.Masked(continuationFrame, "x"), 1009},
}

func TestInvalidFramesCloseConnection(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	for _, tc := range invalidFrames {
		t.Run(tc.name, func(t *testing.T) {
			conn, reader := r.upgrade("")
			io.WriteString(conn, tc.frames)
			header := make([]byte, 4)
			if _, err := io.ReadFull(reader, header); err != nil || header[0] != closeFrame {
				t.Fatalf("got % x, %v, want a close frame", header, err)
			}
			if got := binary.BigEndian.Uint16(header[2:]); got != tc.code {
				t.Errorf("closed with %d, want %d", got, tc.code)
			}
			io.WriteString(conn, closing(tc.code, "")) // the relay may have closed the connection
			conn.Close()
		})
	}
	r.waitForClients(0)
}

// TestValidFramesKeepConnection sends frames of every length at a boundary, whole and in pieces. The relay then still
// answers a ping.
func TestValidFramesKeepConnection(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	frames := []string{
		fanouttest.Masked(pongFrame, ""),
		fanouttest.Masked(pongFrame, strings.Repeat("x", 125)),
		fanouttest.Masked(textFrame-more, "gr\xc3") + fanouttest.Masked(pongFrame, "between") +
			fanouttest.Masked(continuationFrame-more, "") + fanouttest.Masked(continuationFrame, "\xbcn"),
		fanouttest.Masked(binaryFrame, "\xff\xfe"),
	}
	for _, n := range []int{0, 1, 125, 126, 127, 4095, 4096} {
		frames = append(frames, fanouttest.Masked(textFrame, strings.Repeat("x", n)))
	}
	for i, frame := range frames {
		t.Run(fmt.Sprint("whole ", i), func(t *testing.T) {
			conn, reader := r.upgrade(frame)
			io.WriteString(conn, frame+fanouttest.Masked(pingFrame, "here?"))
			expectBytes(t, reader, "\x8a\x05here?")
		})
		t.Run(fmt.Sprint("in pieces ", i), func(t *testing.T) {
			conn, reader := r.upgrade(frame[:1])
			conn.(*net.TCPConn).SetNoDelay(true)
			rest := frame[1:] + fanouttest.Masked(pingFrame, "here?")
			for step := 1 + len(rest)/200; len(rest) > 0; rest = rest[min(step, len(rest)):] {
				io.WriteString(conn, rest[:min(step, len(rest))])
			}
			expectBytes(t, reader, "\x8a\x05here?")
		})
	}
}

// TestCloseFrameIsAnsweredWithItsCode closes clients that have shut down their half of the connection, and one that
// sends the close frame with its handshake.
func TestCloseFrameIsAnsweredWithItsCode(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	for payload, answer := range map[string]string{
		"":                                "\x88\x00",
		fanouttest.ClosePayload(1000, ""): "\x88\x02\x03\xe8",
		fanouttest.ClosePayload(1001, "the page is left"):    "\x88\x02\x03\xe9",
		fanouttest.ClosePayload(4999, "an application code"): "\x88\x02\x13\x87",
	} {
		conn, reader := r.upgrade("")
		io.WriteString(conn, fanouttest.Masked(closeFrame, payload))
		conn.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(reader); string(got) != answer || err != nil {
			t.Errorf("close frame %q: got % x, %v, want % x and the end", payload, got, err, answer)
		}
	}
	_, early := r.upgrade(closing(1000, ""))
	if got, err := io.ReadAll(early); string(got) != "\x88\x02\x03\xe8" || err != nil {
		t.Errorf("with the handshake: got % x, %v", got, err)
	}
	r.waitForClients(0)
}
