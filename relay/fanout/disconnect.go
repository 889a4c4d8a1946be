package fanout

import (
	"errors"
	"strconv"

	"github.com/coder/websocket"
)

// Transport is the protocol of a client's connection. Its values are metric labels.
type Transport string

// The transports.
const (
	WebSocketTransport Transport = "websocket"
	SSETransport       Transport = "sse"
)

// EndedBy is the party that ended a connection.
type EndedBy string

const (
	// EndedByClient: the client sent a close frame first.
	EndedByClient EndedBy = "client"

	// EndedByRelay: the relay sent a close frame, ended an SSE stream, or cut the client off at its stop.
	EndedByRelay EndedBy = "relay"

	// ConnectionLost: the connection ended without a close frame. It failed, the client stopped answering, or the
	// client left an SSE stream. The relay cannot tell these apart.
	ConnectionLost EndedBy = "network"
)

// Disconnect describes the end of a client's connection.
type Disconnect struct {
	Transport Transport
	EndedBy   EndedBy

	// Reason is the one in the close frame. If there was none, its code is 1006. An SSE client has the relay's
	// reason, or the zero value.
	Reason CloseReason

	// LastDelivered is the sequence number up to which a client of format Acked has received all its events, as far
	// as the relay knows. It is 0 in other formats.
	LastDelivered uint64
}

// CodeLabel returns the metric label for the close code: "none" for SSE, which has no close codes, and "other" for
// codes outside 1000 to 1015, the range of the protocol (RFC 6455 §7.4.2). Clients choose any code from 3000 to
// 4999, and each label is a time series that is never deleted.
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

// The errors with which the relay ends a connection. Other errors come from the network.
var (
	errClosedByClient = errors.New("closed by the client")
	errClosedByRelay  = errors.New("closed by the relay")
	errClosesCrossed  = errors.New("closed by the relay and the client at once")
	errPingTimeout    = errors.New("no answer to a ping")
	errCloseTimeout   = errors.New("no answer to a close frame")
	errStopped        = errors.New("the relay stops")
	errFrameLost      = errors.New("the log dropped an event of which the client has a part")
	errBuffersFull    = errors.New("the budget for buffers is exhausted")
)

// closeCompleted reports whether both sides have closed a connection that ended with err.
func closeCompleted(err error) bool {
	return err == errClosedByClient || err == errClosedByRelay || err == errClosesCrossed
}

// endedBy returns the party that ended a connection with err.
func endedBy(err error) EndedBy {
	switch err {
	case errClosedByClient:
		return EndedByClient
	case errClosedByRelay, errClosesCrossed, errCloseTimeout, errStopped, errFrameLost, errBuffersFull:
		return EndedByRelay
	default:
		return ConnectionLost
	}
}
