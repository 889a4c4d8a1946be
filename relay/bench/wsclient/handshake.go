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

// The example of RFC 6455 §1.3. The key need not be random: it proves to the client that the server is none of
// another protocol, and to the server nothing.
const (
	key    = "dGhlIHNhbXBsZSBub25jZQ=="
	accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// maxAnswer bounds the answer to a handshake.
const maxResponse = 16 << 10

// ErrCut says that an answer goes on behind what has come.
var ErrIncomplete = errors.New("the server's answer is cut off")

// Request returns the handshake for url: as short as a valid one can be, without an origin.
func HandshakeRequest(url *url.URL) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", url.RequestURI(), url.Host, key)
}

// Answer reads the answer to Request, from its begin, and returns the frames that came behind it. The error is
// ErrCut if more must come, which it is not once ended says that no more will; else it says what the server says
// instead.
func ParseHandshake(p []byte, ended bool) (frames []byte, err error) {
	head, frames, whole := bytes.Cut(p, []byte("\r\n\r\n"))
	switch {
	case !whole && !ended && len(p) < maxResponse:
		return nil, ErrIncomplete
	case !whole:
		return nil, fmt.Errorf("the server's answer to the handshake is not HTTP: %.80q", p)
	case !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")):
		return nil, rejection(p, ended)
	case !bytes.Contains(head, []byte(accept)):
		return nil, errors.New("the server's answer to the handshake lacks the Sec-WebSocket-Accept that fits the key")
	default:
		return frames, nil
	}
}

// refusal returns the status line and the text of an answer that is none to a handshake, or ErrCut.
func rejection(p []byte, ended bool) error {
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(p)), nil)
	if err != nil {
		return fmt.Errorf("the server's answer to the handshake: %w", err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil && !ended && len(p) < maxResponse {
		return ErrIncomplete
	}
	return fmt.Errorf("the server answers %q: %q", response.Status, strings.TrimSpace(string(text)))
}
