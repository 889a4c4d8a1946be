package fanout

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
)

// Offers reports whether the client of a WebSocket handshake offers a subprotocol (RFC 6455 §4.1).
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

// AcceptWebSocket upgrades the request and adds the client. It returns after the handshake. An error means that the client
// was never connected: the request has been answered, and OnDisconnect is not called. The caller must have admitted the
// client.
func (c *Clients) AcceptWebSocket(w http.ResponseWriter, r *http.Request, entry ClientConfig) error {
	options := &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the origin was checked
		CompressionMode:    websocket.CompressionDisabled,
	}
	switch {
	case entry.Format == Enveloped:
		options.Subprotocols = []string{Subprotocol}
	case entry.Subprotocol != "":
		options.Subprotocols = []string{entry.Subprotocol}
	}
	hijacker := &hijacker{ResponseWriter: w}
	shaken, err := websocket.Accept(hijacker, r, options)
	if err != nil {
		return err
	}
	shaken.CloseNow() // it is not needed any more, and its finalizer would keep it, and 8 KiB of buffers, for ever
	c.begin(hijacker, entry, entry.initial(nil))
	return nil
}

// hijacker lets the WebSocket library make the handshake and takes the connection for itself: the library gets a
// stand-in, in which it puts its own to rest.
type hijacker struct {
	http.ResponseWriter
	conn  net.Conn // set by Hijack
	early []byte   // what the client sent behind the handshake; set by Hijack
}

// Hijack implements http.Hijacker.
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
	return takenConn{}, buffered, nil
}

// takenConn stands for a connection that another has taken.
type takenConn struct{ net.Conn }

// Close implements io.Closer.
func (takenConn) Close() error { return nil }
