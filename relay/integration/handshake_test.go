//go:build linux

package integration_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"wpre-relay/relay/fanout/fanouttest"
)

// TestInvalidHandshakesAreRejected sends requests that break RFC 6455 §4.1 or RFC 9112, each in one way. The relay
// answers with 4xx or 5xx except 500, or closes the connection. It serves other clients afterwards.
func TestInvalidHandshakesAreRejected(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	requests := make(invalidRequests)
	requests.addBrokenLines()
	requests.addInvalidValues()
	requests.addOtherProtocols()
	requests.addZeroBytes()
	if len(requests) < 200 {
		t.Errorf("only %d requests", len(requests))
	}
	for name, request := range requests {
		conn, reader := r.send(request)
		conn.(*net.TCPConn).CloseWrite() // the request is over, even if it looks incomplete
		response, err := http.ReadResponse(reader, nil)
		if err == nil && (response.StatusCode < 400 || response.StatusCode > 505 || response.StatusCode == 500) {
			t.Errorf("%s: %s", name, response.Status)
		}
		conn.Close()
	}
	conn, reader := r.upgrade(fanouttest.Masked(pingFrame, "well?"))
	expectBytes(t, reader, "\x8a\x05well?")
	conn.Close()
	r.waitForClients(0)
}

// invalidRequests are requests by the name of their fault.
type invalidRequests map[string]string

// replace adds the handshake with one part replaced.
func (requests invalidRequests) replace(name, old, new string) {
	requests[name] = strings.Replace(handshake, old, new, 1)
}

// addBrokenLines adds the handshake with each of its lines missing, moved, cut or with characters that may not be
// there.
func (requests invalidRequests) addBrokenLines() {
	lines := strings.Split(strings.TrimSuffix(handshake, "\r\n\r\n"), "\r\n")
	for i, line := range lines {
		with := func(name string, replacement ...string) {
			changed := append(append(append([]string{}, lines[:i]...), replacement...), lines[i+1:]...)
			requests[name+" "+line] = strings.Join(changed, "\r\n") + "\r\n\r\n"
		}
		with("without")
		for _, odd := range []string{"\x00", "\x7f", "\r", "\n\n"} {
			with(fmt.Sprintf("%q in the middle of", odd), line[:len(line)/2]+odd+line[len(line)/2:])
		}
		with("a blank before", " "+line)
		with("a line end in", line[:3], line[3:])
		name, _, isHeader := strings.Cut(line, ":")
		if !isHeader {
			continue
		}
		with("a blank after the name of", strings.Replace(line, ":", " :", 1))
		if name != "Host" { // an empty Host is valid (RFC 9112 §3.2)
			with("an empty value in", name+":")
		}
		with("no colon in", name)
		with("30,000 letters in", name+": "+strings.Repeat("x", 30_000))
	}
}

// invalidValues are the values that may not take the place of a part of the handshake.
var invalidValues = []struct {
	name, part, format string // format is the text in place of part
	values             []string
}{
	{"method", "GET", "%s", []string{"POST", "HEAD", "PUT", "DELETE", "CONNECT", "TRACE", "get", "G T", "", "PRI",
		"OPTIONS"}},
	{"version", "HTTP/1.1", "%s", []string{"HTTP/0.9", "HTTP/1.0", "HTTP/2.0", "HTTP/3", "HTTP/1.1.1", "HTTP/x",
		"http/1.1", "", "HTTP/11"}},
	{"target", "GET / ", "GET %s ", []string{"", "x", "http://[::1", "/%", "/%zz", "/ /", "\x00"}},
	{"query", "GET / ", "GET /?%s ", []string{"since=x", "since=-1", "since=a-b", "since=%00", "last=-1", "last=x",
		"last=99999999999999999999", "types=,", "types=" + strings.Repeat("x", 65),
		"types=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}},
	{"§4.2.1 version", "Version: 13", "Version: %s", []string{"0", "7", "8", "12", "14", "99", "-13", "013", "13.0",
		"13, 8", "x", "13 13", "255"}},
	{"§4.2.1 key", "AAAAAAAAAAAAAAAAAAAAAA==", "%s", []string{"", "x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAA=",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA", "????????????????????????",
		"AAAAAAAAAAAAAAAAAAAAAA==, AAAAAAAAAAAAAAAAAAAAAA=="}},
	{"§4.2.1 upgrade", "Upgrade: websocket", "Upgrade: %s", []string{"web socket", "h2c", "websockets", "",
		"websocket/13"}},
	{"§4.2.1 connection", "Connection: Upgrade", "Connection: %s", []string{"close", "keep-alive", "Upgraded", ""}},
	{"more", "\r\n\r\n", "\r\n%s\r\n\r\n", []string{"Host: y", "Sec-WebSocket-Key: BAAAAAAAAAAAAAAAAAAAAA==",
		"Origin: https://evil.test", "Origin: null", "Origin: ", "Origin: x\r\nOrigin: y", "Content-Length: -1",
		"Content-Length: 1\r\nContent-Length: 2", "Transfer-Encoding: x", "Transfer-Encoding: chunked, chunked",
		"Expect: magic", "(x): y", "x y: z", ": z", "X: " + strings.Repeat("x", 1<<15)}},
}

func (requests invalidRequests) addInvalidValues() {
	for _, part := range invalidValues {
		for _, value := range part.values {
			name := part.name + " " + value[:min(40, len(value))]
			requests.replace(name, part.part, fmt.Sprintf(part.format, value))
		}
	}
	requests.replace("many headers", "\r\n\r\n", strings.Repeat("\r\nX: y", 10_000)+"\r\n\r\n")
}

func (requests invalidRequests) addOtherProtocols() {
	requests["TLS"] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 600) + "\r\n\r\n"
	requests["HTTP/2"] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	requests["a frame"] = fanouttest.Masked(textFrame, "hello") + "\r\n\r\n"
}

// addZeroBytes adds the handshake with a zero byte in place of each of 128 of its bytes, except line ends.
func (requests invalidRequests) addZeroBytes() {
	for i := range 128 {
		at := i * len(handshake) / 128
		if strings.ContainsRune("\r\n", rune(handshake[at])) || at > len(handshake)-5 {
			continue
		}
		requests[fmt.Sprint("byte 0 at ", at)] = handshake[:at] + "\x00" + handshake[at+1:]
	}
}
