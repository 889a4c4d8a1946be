package fanout

import (
	"strconv"

	"github.com/coder/websocket"
)

// Transport is the protocol that a client is connected with. Its values label metrics.
type Transport string

const (
	WebSocketTransport Transport = "websocket"
	SSETransport       Transport = "sse"
)

// EndedBy is the party that ended a client's connection.
type EndedBy string

const (
	// EndedByClient is for a close frame that the client sent first.
	EndedByClient EndedBy = "client"

	// EndedByRelay is for a close frame of the relay, answered or not, and for the end of an SSE stream.
	EndedByRelay EndedBy = "relay"

	// ConnectionLost is for an end without a close frame: the connection failed, the client vanished, or it left an SSE
	// stream, which is told apart from neither.
	ConnectionLost EndedBy = "network"
)

// Disconnect describes the end of a client's connection.
type Disconnect struct {
	Transport Transport
	EndedBy   EndedBy

	// Reason is that of the close frame, CloseReason{} without one in an SSE stream, and code 1006 without one in
	// WebSocket.
	Reason CloseReason

	// LastDelivered is the sequence number up to which a client of format Acked has received everything, as far as is
	// known. It is 0 for other formats.
	LastDelivered uint64
}

// CodeLabel returns the metric label for the close code: "none" for SSE, which has no close codes, and "other" for codes
// outside 1000 to 1015, the range of the protocol (RFC 6455 §7.4.2). Clients choose any code from 3000 to 4999, and each
// label is a time series that is never deleted.
func (d Disconnect) CodeLabel() string {
	switch code := d.Reason.Code; {
	case d.Transport == SSETransport:
		return "none"
	case code < websocket.StatusNormalClosure || code > websocket.StatusTLSHandshake:
		return "other"
	default:
		return strconv.Itoa(int(code))
	}
}

// endedBy returns the party that ended a connection with this error.
func endedBy(err error) EndedBy {
	switch err {
	case errClosed:
		return EndedByClient
	case errToldOff, errUnclosed, errStopped:
		return EndedByRelay
	default:
		return ConnectionLost
	}
}
