package fanout

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
)

// OffersSubprotocol reports whether the client of a WebSocket handshake offers the subprotocol (RFC 6455 §4.1).
func OffersSubprotocol(r *http.Request, subprotocol string) bool {
	for _, value := range r.Header.Values("Sec-WebSocket-Protocol") {
		for token := range strings.SplitSeq(value, ",") {
			if strings.TrimSpace(token) == subprotocol {
				return true
			}
		}
	}
	return false
}

// AcceptWebSocket upgrades the request and adds the client. If it returns an error, the client was never connected:
// AcceptWebSocket has answered the request, and OnDisconnect is not called. The caller decides before who may
// connect, and checks the origin.
func (c *Clients) AcceptWebSocket(w http.ResponseWriter, r *http.Request, cfg ClientConfig) error {
	options := &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the caller has checked the origin
		CompressionMode:    websocket.CompressionDisabled,
	}
	switch {
	case cfg.Format == Enveloped:
		options.Subprotocols = []string{Subprotocol}
	case cfg.Subprotocol != "":
		options.Subprotocols = []string{cfg.Subprotocol}
	}
	hijacker := &hijacker{ResponseWriter: w}
	conn, err := websocket.Accept(hijacker, r, options)
	if err != nil {
		return err
	}
	conn.CloseNow() // else its finalizer keeps it, and 8 KiB of buffers, for ever
	c.connect(hijacker, cfg, cfg.initial(nil))
	return nil
}

// hijacker lets the WebSocket library make the handshake, and keeps the connection from it.
type hijacker struct {
	http.ResponseWriter
	conn  net.Conn // the hijacked connection; set by Hijack
	early []byte   // bytes that the client sent right after its request; set by Hijack
}

// Hijack implements http.Hijacker. It returns a placeholder instead of the connection.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		early, _ := buffered.Reader.Peek(n)
		h.early = slices.Clone(early)
	}
	h.conn = conn
	return placeholderConn{}, buffered, nil
}

// placeholderConn is a connection that can only be closed. Closing it has no effect.
type placeholderConn struct{ net.Conn }

// Close implements io.Closer.
func (placeholderConn) Close() error { return nil }
