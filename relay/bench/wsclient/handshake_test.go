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

func TestHandshakeRequestIsValid(t *testing.T) {
	target, err := url.Parse("ws://example.com:81/a/b?c=d")
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wsclient.HandshakeRequest(target))))
	if err != nil || request.Host != "example.com:81" || request.RequestURI != "/a/b?c=d" {
		t.Fatalf("got %+v, %v", request, err)
	}
	answer := httptest.NewRecorder()
	// Accept checks the request before it fails to hijack the recorder.
	if _, err := websocket.Accept(answer, request, nil); answer.Code != http.StatusNotImplemented {
		t.Errorf("got status %d, %v", answer.Code, err)
	}
}

// accepted is the response to a valid handshake.
const accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

func TestEveryPrefixOfAResponseIsIncomplete(t *testing.T) {
	rejected := "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot here\n"
	for _, response := range []string{accepted, rejected} {
		for i := range response {
			prefix := []byte(response[:i])
			if _, err := wsclient.ParseHandshake(prefix, false); !errors.Is(err, wsclient.ErrIncomplete) {
				t.Fatalf("%q: got %v, want %v", prefix, err, wsclient.ErrIncomplete)
			}
			_, err := wsclient.ParseHandshake(prefix, true)
			if err == nil || errors.Is(err, wsclient.ErrIncomplete) {
				t.Fatalf("%q at the end of the stream: got %v", prefix, err)
			}
		}
	}
}

func TestFramesAfterTheResponseAreReturned(t *testing.T) {
	frames, err := wsclient.ParseHandshake([]byte(accepted+"\x81\x00"), false)
	if err != nil || string(frames) != "\x81\x00" {
		t.Errorf("got %q, %v", frames, err)
	}
}

func TestRejectionReturnsTheReason(t *testing.T) {
	const chunked = "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlate\r\n0\r\n\r\n"
	longPage := "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + strings.Repeat("<p>a page</p>", 2000)
	for _, tc := range []struct{ response, want string }{
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot here\n", `"403 Forbidden": "not here"`},
		{chunked, `"503 Busy": "late"`},
		{"HTTP/1.0 404 Not Found\r\n\r\nno such page", `"404 Not Found": "no such page"`},
		{"SSH-2.0-OpenSSH\r\n\r\n", "malformed HTTP"},
		{strings.Repeat("x", 1<<20), "is not HTTP"},
		{strings.Replace(accepted, "s3pPL", "xxxxx", 1), "Sec-WebSocket-Accept"},
		{longPage, `"200 OK"`},
	} {
		_, err := wsclient.ParseHandshake([]byte(tc.response), false)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.60q: got %.200v, want %s", tc.response, err, tc.want)
		}
	}
}
