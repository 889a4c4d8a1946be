package wsclient

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// key and accept are the example of RFC 6455 §1.3. The key need not be random: it only proves to the client that the
// server speaks WebSocket.
const (
	key    = "dGhlIHNhbXBsZSBub25jZQ=="
	accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// maxResponse bounds the response to a handshake in bytes.
const maxResponse = 16 << 10

// ErrIncomplete means that the response continues after the bytes received so far.
var ErrIncomplete = errors.New("the server's response is incomplete")

// HandshakeRequest returns the request for url. It has only the headers that a valid handshake needs, and no origin.
func HandshakeRequest(url *url.URL) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", url.RequestURI(), url.Host, key)
}

// ParseHandshake parses p, the response to HandshakeRequest from its start, and returns the frames after it. If p is
// incomplete and ended is false, it returns ErrIncomplete. If the server rejected the handshake, the error has the
// status and the text of the response.
func ParseHandshake(p []byte, ended bool) (frames []byte, err error) {
	head, frames, whole := bytes.Cut(p, []byte("\r\n\r\n"))
	switch {
	case !whole && !ended && len(p) < maxResponse:
		return nil, ErrIncomplete
	case !whole:
		return nil, fmt.Errorf("the server's response to the handshake is not HTTP: %.80q", p)
	case !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")):
		return nil, rejection(p, ended)
	case !bytes.Contains(head, []byte(accept)):
		return nil, errors.New("the server's response to the handshake has a wrong Sec-WebSocket-Accept header")
	default:
		return frames, nil
	}
}

// rejection returns an error with the status and the text of a response that rejects the handshake, or ErrIncomplete.
func rejection(p []byte, ended bool) error {
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(p)), nil)
	if err != nil {
		return fmt.Errorf("parse the server's response to the handshake: %w", err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil && !ended && len(p) < maxResponse {
		return ErrIncomplete
	}
	return fmt.Errorf("the server responded %q: %q", response.Status, strings.TrimSpace(string(text)))
}
