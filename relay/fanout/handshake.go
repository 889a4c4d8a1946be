package fanout

import (
	"net"
	"net/http"
	"slices"
	"strings"
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
	subprotocol := cfg.Subprotocol
	if cfg.Format == Enveloped {
		subprotocol = Subprotocol
	}
	hijacker := &hijacker{ResponseWriter: w}
	if err := upgrade(hijacker, r, subprotocol); err != nil {
		return err
	}
	c.connect(hijacker, cfg, cfg.initial(nil))
	return nil
}

// hijacker takes over the connection of a response.
type hijacker struct {
	http.ResponseWriter
	conn  net.Conn // the hijacked connection; set by hijack
	early []byte   // bytes that the client sent right after its request; set by hijack
}

// hijack takes over the connection.
func (h *hijacker) hijack() error {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return err
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		early, _ := buffered.Reader.Peek(n)
		h.early = slices.Clone(early)
	}
	h.conn = conn
	return nil
}
