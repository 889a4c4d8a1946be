package fanout

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
)

// keyGUID is appended to the client's key for Sec-WebSocket-Accept (RFC 6455 §4.2.2).
const keyGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// upgrade answers a WebSocket handshake (RFC 6455 §4.2), selects the subprotocol if the client offers it, and takes
// over the connection. If it returns an error, it has answered the request. The WebSocket library words the rejections.
// Its handshake is not used, because it prepares for reading and writing messages: 8 KiB and a goroutine.
func upgrade(h *hijacker, r *http.Request, subprotocol string) error {
	if !isHandshake(r) {
		return reject(h, r)
	}
	header := h.Header()
	header.Set("Upgrade", "websocket")
	header.Set("Connection", "Upgrade")
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + keyGUID))
	header.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	if subprotocol != "" && OffersSubprotocol(r, subprotocol) {
		header.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	if !canHijack(h.ResponseWriter) {
		return reject(h, r)
	}
	h.WriteHeader(http.StatusSwitchingProtocols)
	return h.hijack()
}

// isHandshake reports whether the request is a valid WebSocket handshake (RFC 6455 §4.2.1).
func isHandshake(r *http.Request) bool {
	keys := r.Header.Values("Sec-WebSocket-Key")
	if len(keys) != 1 {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(keys[0])
	return err == nil && len(key) == 16 && r.Method == http.MethodGet && r.ProtoAtLeast(1, 1) &&
		hasToken(r.Header.Values("Connection"), "Upgrade") && hasToken(r.Header.Values("Upgrade"), "websocket") &&
		r.Header.Get("Sec-WebSocket-Version") == "13"
}

// hasToken reports whether the comma-separated values of a header have a token, in any case.
func hasToken(values []string, token string) bool {
	return slices.ContainsFunc(values, func(value string) bool {
		for element := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(element), token) {
				return true
			}
		}
		return false
	})
}

// canHijack reports whether the connection of w, or of a writer that w wraps, can be taken over.
func canHijack(w http.ResponseWriter) bool {
	for {
		switch writer := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = writer.Unwrap()
		default:
			return false
		}
	}
}

// reject lets the WebSocket library answer a request that is not accepted, and returns the error.
func reject(h *hijacker, r *http.Request) error {
	conn, err := websocket.Accept(h.ResponseWriter, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err == nil {
		conn.CloseNow()
		err = errors.New("invalid WebSocket handshake")
	}
	return err
}
