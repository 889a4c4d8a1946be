//go:build linux

package integration_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/testwait"
)

// dial connects a WebSocket client.
func (r *relay) dial() *websocket.Conn {
	r.t.Helper()
	conn, _ := r.dialWith("/", nil)
	return conn
}

// dialWith connects a WebSocket client to a path, which may have a query, with more headers.
func (r *relay) dialWith(path string, header http.Header) (*websocket.Conn, *http.Response) {
	r.t.Helper()
	options := &websocket.DialOptions{HTTPHeader: header}
	conn, response, err := websocket.Dial(r.t.Context(), "ws://"+r.address+path, options)
	if err != nil {
		r.t.Fatalf("%v; the relay's log:\n%s", err, r.log.String())
	}
	r.t.Cleanup(func() { conn.CloseNow() })
	return conn, response
}

// expect reads messages until want arrives. Before it, only messages in others may arrive.
func expect(t testing.TB, conn *websocket.Conn, want string, others ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
	defer cancel()
	for {
		_, got, err := conn.Read(ctx)
		switch {
		case err != nil || string(got) != want && !slices.Contains(others, string(got)):
			t.Fatalf("got %q, %v, want %q", got, err, want)
		case string(got) == want:
			return
		}
	}
}

// do sends a request and returns status and body of the response.
func do(t testing.TB, method, url string, header http.Header, body string) (status int, response string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// handshake is the shortest valid opening handshake (RFC 6455 §4.1).
const handshake = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// First bytes of frames that are whole messages (RFC 6455 §5.2).
const (
	continuationFrame, textFrame, binaryFrame = 0x80, 0x81, 0x82
	closeFrame, pingFrame, pongFrame          = 0x88, 0x89, 0x8a

	// more is subtracted from the first byte of a frame that another fragment follows.
	more = 0x80
)

// send opens a connection and sends bytes.
func (r *relay) send(bytes string) (net.Conn, *bufio.Reader) {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testwait.Limit))
	io.WriteString(conn, bytes) // may fail: the relay may reject before the last byte
	return conn, bufio.NewReader(conn)
}

// upgrade opens a WebSocket without a library. It sends frames in the same write as the handshake.
func (r *relay) upgrade(frames string) (net.Conn, *bufio.Reader) {
	r.t.Helper()
	conn, reader := r.send(handshake + frames)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatalf("%v, %v", response, err)
	}
	return conn, reader
}

// expectBytes reads exactly these bytes.
func expectBytes(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); string(got) != want {
		t.Fatalf("got % x (%v), want % x", got[:n], err, want)
	}
}
