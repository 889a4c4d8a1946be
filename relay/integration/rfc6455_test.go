//go:build linux

package integration_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/admin"
	"wpre-relay/relay/fanout/fanouttest"
)

// upgrade makes a connection that is upgraded by hand, and sends early with the handshake.
func (p *process) upgrade(early string) (net.Conn, *bufio.Reader) {
	p.t.Helper()
	conn, r := p.send(handshake + early)
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		p.t.Fatalf("%v, %v", response, err)
	}
	return conn, r
}

// handshake is one as short as may be (RFC 6455 §4.1).
const handshake = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// send makes a connection and sends bytes.
func (p *process) send(bytes string) (net.Conn, *bufio.Reader) {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, bytes) // it may be refused before the last byte
	return conn, bufio.NewReader(conn)
}

// status returns how the relay stands.
func (p *process) status() admin.Report {
	p.t.Helper()
	_, body := p.ask("/api/status")
	var report admin.Report
	if err := json.Unmarshal([]byte(body), &report); err != nil {
		p.t.Fatal(err)
	}
	return report
}

// waitForClients waits until there are so many.
func (p *process) waitForClients(n int) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); p.status().Server.Clients != n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%d clients, want %d", p.status().Server.Clients, n)
		}
	}
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
	p := newSite(t).start()
	for _, c := range []struct {
		name, frames string
		code         uint16
	}{
		{"§5.2 reserved bit 1", fanouttest.Masked(text|0x40, "x"), 1002},
		{"§5.2 reserved bit 2", fanouttest.Masked(text|0x20, "x"), 1002},
		{"§5.2 reserved bit 3", fanouttest.Masked(text|0x10, "x"), 1002},
		{"§5.2 data opcode 3", fanouttest.Masked(0x83, "x"), 1002},
		{"§5.2 data opcode 7", fanouttest.Masked(0x87, "x"), 1002},
		{"§5.2 control opcode 11", fanouttest.Masked(0x8b, "x"), 1002},
		{"§5.2 control opcode 15", fanouttest.Masked(0x8f, "x"), 1002},
		{"§5.1 not masked", "\x81\x01x", 1002},
		{"§5.5 fragmented ping", fanouttest.Masked(pingOp-fragment, "x"), 1002},
		{"§5.5 fragmented close", fanouttest.Masked(closeOp-fragment, fanouttest.ClosePayload(1000, "")), 1002},
		{"§5.5 ping of 126 bytes", fanouttest.Masked(pingOp, strings.Repeat("x", 126)), 1002},
		{"§5.5 pong of 65536 bytes", fanouttest.Masked(pongOp, strings.Repeat("x", 1<<16))[:14], 1002},
		{"§5.4 continuation of nothing", fanouttest.Masked(continuation, "x"), 1002},
		{"§5.4 continuation after a whole message", fanouttest.Masked(text, "x") + fanouttest.Masked(continuation, "x"), 1002},
		{"§5.4 message inside of another", fanouttest.Masked(text-fragment, "x") + fanouttest.Masked(text, "x"), 1002},
		{"§5.5.1 close code of one byte", fanouttest.Masked(closeOp, "\x03"), 1002},
		{"§7.4.2 close code 0", fanouttest.Masked(closeOp, fanouttest.ClosePayload(0, "")), 1002},
		{"§7.4.2 close code 999", fanouttest.Masked(closeOp, fanouttest.ClosePayload(999, "")), 1002},
		{"§7.4.1 close code 1004", fanouttest.Masked(closeOp, fanouttest.ClosePayload(1004, "")), 1002},
		{"§7.4.1 close code 1005", fanouttest.Masked(closeOp, fanouttest.ClosePayload(1005, "")), 1002},
		{"§7.4.1 close code 1006", fanouttest.Masked(closeOp, fanouttest.ClosePayload(1006, "")), 1002},
		{"§7.4.1 close code 1015", fanouttest.Masked(closeOp, fanouttest.ClosePayload(1015, "")), 1002},
		{"§7.4.2 close code 2999", fanouttest.Masked(closeOp, fanouttest.ClosePayload(2999, "")), 1002},
		{"§7.4.2 close code 5000", fanouttest.Masked(closeOp, fanouttest.ClosePayload(5000, "")), 1002},
		{"§8.1 close reason", fanouttest.Masked(closeOp, fanouttest.ClosePayload(1000, "\xff")), 1007},
		{"§8.1 text", fanouttest.Masked(text, "\xc3"), 1007},
		{"§8.1 text in fragments", fanouttest.Masked(text-fragment, "ü") + fanouttest.Masked(continuation, "\xff"), 1007},
		{"§10.4 message of 4097 bytes", fanouttest.Masked(text, strings.Repeat("x", 4097)), 1009},
		{"§10.4 message of 65536 bytes", fanouttest.Masked(text, strings.Repeat("x", 1<<16))[:14], 1009},
		{"§10.4 message of 2^63 bytes", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00", 1009},
		{"§10.4 fragments of 4097 bytes", fanouttest.Masked(text-fragment, strings.Repeat("x", 4096)) + fanouttest.Masked(continuation, "x"), 1009},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, r := p.upgrade("")
			io.WriteString(conn, c.frames)
			header := make([]byte, 4)
			if _, err := io.ReadFull(r, header); err != nil || header[0] != closeOp {
				t.Fatalf("got % x, %v, want a close frame", header, err)
			}
			if got := binary.BigEndian.Uint16(header[2:]); got != c.code {
				t.Errorf("closed with %d, want %d", got, c.code)
			}
			io.WriteString(conn, fanouttest.Masked(closeOp, fanouttest.ClosePayload(c.code, ""))) // which is not waited for
			conn.Close()
		})
	}
	p.waitForClients(0)
}

// TestWhatTheStandardAllowsIsTaken sends frames of every length at a boundary, whole and cut into bytes, and expects
// that the connection lives on: a ping behind them is answered.
func TestWhatTheStandardAllowsIsTaken(t *testing.T) {
	p := newSite(t).start()
	frames := []string{
		fanouttest.Masked(pongOp, ""),
		fanouttest.Masked(pongOp, strings.Repeat("x", 125)),
		fanouttest.Masked(text-fragment, "gr\xc3") + fanouttest.Masked(pongOp, "between") + fanouttest.Masked(continuation-fragment, "") + fanouttest.Masked(continuation, "\xbcn"),
		fanouttest.Masked(binaryMessage, "\xff\xfe"),
	}
	for _, n := range []int{0, 1, 125, 126, 127, 4095, 4096} {
		frames = append(frames, fanouttest.Masked(text, strings.Repeat("x", n)))
	}
	for i, frame := range frames {
		t.Run(fmt.Sprint("whole ", i), func(t *testing.T) {
			conn, r := p.upgrade(frame)
			io.WriteString(conn, frame+fanouttest.Masked(pingOp, "here?"))
			expectFrames(t, r, "\x8a\x05here?")
		})
		t.Run(fmt.Sprint("in pieces ", i), func(t *testing.T) {
			conn, r := p.upgrade(frame[:1])
			conn.(*net.TCPConn).SetNoDelay(true)
			rest := frame[1:] + fanouttest.Masked(pingOp, "here?")
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
	p := newSite(t).start()
	for payload, answer := range map[string]string{
		"":                                "\x88\x00",
		fanouttest.ClosePayload(1000, ""): "\x88\x02\x03\xe8",
		fanouttest.ClosePayload(1001, "the page is left"):    "\x88\x02\x03\xe9",
		fanouttest.ClosePayload(4999, "an application code"): "\x88\x02\x13\x87",
	} {
		conn, r := p.upgrade("")
		io.WriteString(conn, fanouttest.Masked(closeOp, payload))
		conn.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(r); string(got) != answer || err != nil {
			t.Errorf("close frame %q: got % x, %v, want % x and the end", payload, got, err, answer)
		}
	}
	_, early := p.upgrade(fanouttest.Masked(closeOp, fanouttest.ClosePayload(1000, "")))
	if got, err := io.ReadAll(early); string(got) != "\x88\x02\x03\xe8" || err != nil {
		t.Errorf("with the handshake: got % x, %v", got, err)
	}
	p.waitForClients(0)
}

// TestHandshakesThatAreNoneAreRefused sends hundreds that break RFC 6455 §4.1 or RFC 9112, each in one way, and expects a
// 4xx, or the end of the connection, and a relay that goes on.
func TestHandshakesThatAreNoneAreRefused(t *testing.T) {
	p := newSite(t).start()
	lines := strings.Split(strings.TrimSuffix(handshake, "\r\n\r\n"), "\r\n")
	cases := make(map[string]string)
	add := func(name, request string) { cases[name] = request }
	join := func(lines []string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }
	for i, line := range lines {
		with := func(change string) string {
			changed := append([]string{}, lines...)
			changed[i] = change
			return join(changed)
		}
		add(fmt.Sprint("without ", line), join(append(append([]string{}, lines[:i]...), lines[i+1:]...)))
		for _, odd := range []string{"\x00", "\x7f", "\r", "\n\n"} {
			add(fmt.Sprintf("%q in the middle of %s", odd, line), with(line[:len(line)/2]+odd+line[len(line)/2:]))
		}
		add("a blank before "+line, with(" "+line))
		add("a line end in "+line, with(line[:3]+"\r\n"+line[3:]))
		if name, _, ok := strings.Cut(line, ":"); ok {
			add("a blank behind the name of "+line, with(strings.Replace(line, ":", " :", 1)))
			add("nothing in "+name, with(name+":"))
			add("no colon in "+name, with(name))
			add("30,000 letters in "+name, with(name+": "+strings.Repeat("x", 30_000)))
		}
	}
	change := func(name, from, to string) { add(name, strings.Replace(handshake, from, to, 1)) }
	for _, method := range []string{"POST", "HEAD", "PUT", "DELETE", "CONNECT", "TRACE", "get", "G T", "", "PRI", "OPTIONS"} {
		change("method "+method, "GET", method)
	}
	for _, version := range []string{"HTTP/0.9", "HTTP/1.0", "HTTP/2.0", "HTTP/3", "HTTP/1.1.1", "HTTP/x", "http/1.1", "", "HTTP/11"} {
		change("version "+version, "HTTP/1.1", version)
	}
	for _, target := range []string{"", "x", "//", "http://[::1", "/%", "/%zz", "/ /", "\x00"} {
		change(fmt.Sprintf("target %q", target), "GET / ", "GET "+target+" ")
	}
	delete(cases, `target "//"`)     // that is one, and so is
	delete(cases, "nothing in Host") // RFC 9112 §3.2
	for _, version := range []string{"0", "7", "8", "12", "14", "99", "-13", "013", "13.0", "13, 8", "x", "13 13", "255"} {
		change("§4.2.1 version "+version, "Version: 13", "Version: "+version)
	}
	for _, key := range []string{"", "x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA", "????????????????????????",
		"AAAAAAAAAAAAAAAAAAAAAA==, AAAAAAAAAAAAAAAAAAAAAA=="} {
		change("§4.2.1 key "+key, "AAAAAAAAAAAAAAAAAAAAAA==", key)
	}
	for _, upgrade := range []string{"web socket", "h2c", "websockets", "", "websocket/13"} {
		change("§4.2.1 upgrade "+upgrade, "Upgrade: websocket", "Upgrade: "+upgrade)
	}
	for _, connection := range []string{"close", "keep-alive", "Upgraded", ""} {
		change("§4.2.1 connection "+connection, "Connection: Upgrade", "Connection: "+connection)
	}
	for _, extra := range []string{"Host: y", "Sec-WebSocket-Key: BAAAAAAAAAAAAAAAAAAAAA==", "Origin: https://evil.test", "Origin: null", "Origin: ", "Origin: x\r\nOrigin: y",
		"Content-Length: -1", "Content-Length: 1\r\nContent-Length: 2", "Transfer-Encoding: x", "Transfer-Encoding: chunked, chunked", "Expect: magic",
		"(x): y", "x y: z", ": z", "X: " + strings.Repeat("x", 1<<15)} {
		change("and "+extra[:min(40, len(extra))], "\r\n\r\n", "\r\n"+extra+"\r\n\r\n")
	}
	for _, query := range []string{"since=x", "since=-1", "since=a-b", "since=%00", "last=-1", "last=x", "last=99999999999999999999", "types=,", "types=" + strings.Repeat("x", 65),
		"types=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"} {
		change("?"+query[:min(40, len(query))], "GET / ", "GET /?"+query+" ")
	}
	add("many headers", strings.Replace(handshake, "\r\n\r\n", strings.Repeat("\r\nX: y", 10_000)+"\r\n\r\n", 1))
	add("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"+strings.Repeat("\x00", 600)+"\r\n\r\n")
	add("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	add("a frame", fanouttest.Masked(text, "hello")+"\r\n\r\n")
	for i := range 128 { // any byte anywhere
		at := i * len(handshake) / 128
		if strings.ContainsRune("\r\n", rune(handshake[at])) || at > len(handshake)-5 {
			continue
		}
		add(fmt.Sprint("byte 0 at ", at), handshake[:at]+"\x00"+handshake[at+1:])
	}
	if len(cases) < 200 {
		t.Errorf("only %d cases", len(cases))
	}
	for name, request := range cases {
		conn, r := p.send(request)
		conn.(*net.TCPConn).CloseWrite() // nothing more will come
		response, err := http.ReadResponse(r, nil)
		if err == nil && (response.StatusCode < 400 || response.StatusCode > 505 || response.StatusCode == 500) {
			t.Errorf("%s: %s", name, response.Status)
		}
		conn.Close()
	}
	conn, r := p.upgrade(fanouttest.Masked(pingOp, "well?"))
	expectFrames(t, r, "\x8a\x05well?")
	conn.Close()
	p.waitForClients(0)
}
