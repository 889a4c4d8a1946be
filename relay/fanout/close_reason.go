package fanout

import "github.com/coder/websocket"

// CloseReason is why the relay closes a connection: the code and the text of a WebSocket close frame (RFC 6455 §7.1.5,
// §7.1.6). Text has at most 123 bytes of UTF-8. An SSE client is not told the reason.
type CloseReason struct {
	Code websocket.StatusCode
	Text string
}

// Reasons for which the relay closes a client's connection. A violation of the protocol has others, with the codes 1002,
// 1007 and 1009.
var (
	CloseStop            = CloseReason{websocket.StatusGoingAway, "the relay stops"}
	CloseRestart         = CloseReason{websocket.StatusServiceRestart, "the relay restarts"}
	CloseTooSlow         = CloseReason{websocket.StatusTryAgainLater, "too slow"}
	CloseExpired         = CloseReason{websocket.StatusPolicyViolation, "expired"}
	CloseTooManyMessages = CloseReason{websocket.StatusPolicyViolation, "too many messages"}
	CloseMessageTooBig   = CloseReason{websocket.StatusMessageTooBig, "message too big"}
	CloseInvalidUTF8     = CloseReason{websocket.StatusInvalidFramePayloadData, "text must be UTF-8"}
)

// closeAbnormal is the reason of a connection that ended without a close frame (RFC 6455 §7.1.5). No frame carries it.
var closeAbnormal = CloseReason{Code: websocket.StatusAbnormalClosure}

// protocolError returns the reason for closing the connection of a client that violates the protocol.
func protocolError(text string) CloseReason {
	return CloseReason{websocket.StatusProtocolError, text}
}

// Error implements error.
func (r CloseReason) Error() string { return r.Text }
