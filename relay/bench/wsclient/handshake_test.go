package wsclient_test

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/bench/wsclient"
)

func TestTheHandshakeIsValid(t *testing.T) {
	target, err := url.Parse("ws://example.com:81/a/b?c=d")
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wsclient.HandshakeRequest(target))))
	if err != nil || request.Host != "example.com:81" || request.RequestURI != "/a/b?c=d" {
		t.Fatalf("got %+v, %v", request, err)
	}
	answer := httptest.NewRecorder()
	// A recorder cannot be taken over, which is found out behind all checks of the request.
	if _, err := websocket.Accept(answer, request, nil); answer.Code != http.StatusNotImplemented {
		t.Errorf("got status %d, %v", answer.Code, err)
	}
}

const admitted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

func TestEveryPrefixOfAnAnswerIsCut(t *testing.T) {
	refused := "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot here\n"
	for _, answer := range []string{admitted, refused} {
		for i := range answer {
			if _, err := wsclient.ParseHandshake([]byte(answer[:i]), false); !errors.Is(err, wsclient.ErrIncomplete) {
				t.Fatalf("%q: got %v, want %v", answer[:i], err, wsclient.ErrIncomplete)
			}
			if _, err := wsclient.ParseHandshake([]byte(answer[:i]), true); err == nil || errors.Is(err, wsclient.ErrIncomplete) {
				t.Fatalf("%q, and no more: got %v", answer[:i], err)
			}
		}
	}
}

func TestFramesBehindTheAnswerAreKept(t *testing.T) {
	frames, err := wsclient.ParseHandshake([]byte(admitted+"\x81\x00"), false)
	if err != nil || string(frames) != "\x81\x00" {
		t.Errorf("got %q, %v", frames, err)
	}
}

func TestWhatIsNoAdmissionSaysWhy(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot here\n":                            `"403 Forbidden": "not here"`,
		"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlate\r\n0\r\n\r\n":            `"503 Busy": "late"`,
		"HTTP/1.0 404 Not Found\r\n\r\nno such page":                                               `"404 Not Found": "no such page"`,
		"SSH-2.0-OpenSSH\r\n\r\n":                                                                  "malformed HTTP",
		strings.Repeat("x", 1<<20):                                                                 "is not HTTP",
		strings.Replace(admitted, "s3pPL", "xxxxx", 1):                                             "Sec-WebSocket-Accept",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + strings.Repeat("<p>a page</p>", 2000): `"200 OK"`,
	} {
		if _, err := wsclient.ParseHandshake([]byte(answer), false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %.200v, want %s", answer, err, want)
		}
	}
}
