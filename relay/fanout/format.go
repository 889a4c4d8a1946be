package fanout

import (
	"fmt"
	"strconv"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// Format is the encoding of what a client gets.
type Format uint8

const (
	// Plain is WebSocket. Each text message is a bare event document. A client gets no gap notice.
	Plain Format = iota

	// Acked is Plain, with a ping after the events. The browser's pong (RFC 6455 §5.5.3) acknowledges them, unseen
	// by the page's script. So the relay knows at the end of the connection which events have arrived.
	Acked

	// Enveloped is the WebSocket subprotocol Subprotocol. A text message is {"id":POSITION,"event":DOCUMENT} or
	// {"gap":GAP}.
	Enveloped

	// SSE is Server-Sent Events, as in the HTML standard. The ids are positions, and the first id comes before any
	// event. A gap notice is an event of type "gap", and a position alone is one of type "position".
	SSE

	formats = iota
)

// Subprotocol is the name of the subprotocol of Enveloped (RFC 6455 §1.9).
const Subprotocol = "wpre.v1"

// positions reports whether clients get positions and gap notices.
func (f Format) positions() bool { return f == Enveloped || f == SSE }

// answersPings reports whether clients answer a ping.
func (f Format) answersPings() bool { return f != SSE }

func (f Format) transport() Transport {
	if f == SSE {
		return SSETransport
	}
	return WebSocketTransport
}

// appendRecord appends the event of rec.
func (f Format) appendRecord(dst []byte, rec *eventlog.Record) []byte {
	switch f {
	case Enveloped:
		const before, between, after = `{"id":"`, `","event":`, `}`
		var buf [48]byte
		id := rec.Position.Append(buf[:0])
		dst = appendHeader(dst, opText, len(before)+len(id)+len(between)+len(rec.Event.Document)+len(after))
		dst = append(append(dst, before...), id...)
		dst = append(append(dst, between...), rec.Event.Document...)
		return append(dst, after...)
	case SSE:
		dst = rec.Position.Append(append(dst, "id: "...))
		dst = append(dst, "\ndata: "...)
		dst = append(dst, rec.Event.Document...) // compact JSON has no newline
		return append(dst, "\n\n"...)
	default:
		return appendTextFrame(dst, rec.Event.Document)
	}
}

// appendGap appends a gap notice, if the format has one.
func (f Format) appendGap(dst []byte, gap eventlog.Gap) []byte {
	switch f {
	case Enveloped:
		return appendTextFrame(dst, append(gap.AppendJSON([]byte(`{"gap":`)), '}'))
	case SSE:
		dst = gap.Until.Append(append(dst, "id: "...))
		dst = gap.AppendJSON(append(dst, "\nevent: gap\ndata: "...))
		return append(dst, "\n\n"...)
	default:
		return dst
	}
}

// appendPosition appends a position without an event, if the format has positions.
func (f Format) appendPosition(dst []byte, at schema.Position) []byte {
	switch f {
	case Enveloped:
		return appendTextFrame(dst, append(at.Append([]byte(`{"id":"`)), `"}`...))
	case SSE: // the position is in the data too, because a script gets no id without data
		dst = at.Append(append(dst, "id: "...))
		dst = at.Append(append(dst, "\nevent: position\ndata: {\"id\":\""...))
		return append(dst, "\"}\n\n"...)
	default:
		return dst
	}
}

// appendAckPing appends the ping that the client answers once it has received everything up to number seq, if the
// format has acknowledgments.
func (f Format) appendAckPing(dst []byte, seq uint64) []byte {
	if f != Acked {
		return dst
	}
	return append(dst, controlFrame(opPing, strconv.AppendUint(nil, seq, 10))...)
}

var (
	pingFrame   = controlFrame(opPing, nil)
	pingComment = []byte(":\n\n")
)

// ping returns the bytes that keep the connection alive.
func (f Format) ping() []byte {
	if f == SSE {
		return pingComment
	}
	return pingFrame
}

// closeMessage returns the message that closes a client. An SSE stream ends after an event of type "closed", which
// scripts can use: a stream that just ends does not say why.
func (f Format) closeMessage(reason CloseReason) closeMessage {
	if f == SSE {
		event := fmt.Appendf(nil, "event: closed\ndata: {\"code\":%d,\"reason\":%q}\n\n", reason.Code, reason.Text)
		return closeMessage{reason: reason, frame: event, end: errClosedByRelay}
	}
	return closeMessage{reason: reason, frame: closeFrame(reason)}
}
