package fanout

import "github.com/coder/websocket"

// CloseReason is why a connection is closed: the code and the text of a WebSocket close frame (RFC 6455 §7.1.5,
// §7.1.6). Text has at most 123 bytes. SSE clients get both in an event of type "closed".
type CloseReason struct {
	Code websocket.StatusCode
	Text string
}

// Reasons for which the relay closes a client. There are others with code 1002, for violations of the protocol.
var (
	CloseStop            = CloseReason{websocket.StatusGoingAway, "the relay stops"}
	CloseRestart         = CloseReason{websocket.StatusServiceRestart, "the relay restarts"}
	CloseTooSlow         = CloseReason{websocket.StatusTryAgainLater, "too slow"}
	CloseExpired         = CloseReason{websocket.StatusPolicyViolation, "token expired"}
	CloseTooManyMessages = CloseReason{websocket.StatusPolicyViolation, "too many messages"}
	CloseMessageTooBig   = CloseReason{websocket.StatusMessageTooBig, "message too big"}
	CloseInvalidUTF8     = CloseReason{websocket.StatusInvalidFramePayloadData, "text must be UTF-8"}
)

// closeAbnormal is the reason of a WebSocket that ended without a close frame. It is never sent (RFC 6455 §7.1.5).
var closeAbnormal = CloseReason{Code: websocket.StatusAbnormalClosure}

// protocolError returns the reason for closing a client that violates the protocol.
func protocolError(text string) CloseReason {
	return CloseReason{websocket.StatusProtocolError, text}
}

// Error implements error, so that the frame reader can return the reason for closing the client.
func (r CloseReason) Error() string { return r.Text }
