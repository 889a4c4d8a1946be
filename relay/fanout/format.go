package fanout

import (
	"strconv"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// Format is how a client is spoken to.
type Format uint8

const (
	// Plain is bare documents, as WebSocket text messages, and nothing else: of what is lost it is told nothing.
	Plain Format = iota

	// Confirmed is Plain to the page's script. The browser is pinged behind the events, and its pong tells which have
	// come to it (RFC 6455 §5.5.3), so that it is known at the connection's end.
	Acked

	// Enveloped is the WebSocket subprotocol Subprotocol: {"id":POSITION,"event":DOCUMENT} and {"gap":GAP}.
	Enveloped

	// EventStream is Server-Sent Events, as in the HTML standard, with positions as ids, of which the first comes before
	// any event. A gap is an event of type "gap"; who asks to be told where it is gets one of type "position".
	SSE

	formats = iota
)

// Subprotocol is the name of Enveloped (RFC 6455 §1.9).
const Subprotocol = "wpre.v1"

// positions reports whether clients learn where they are.
func (f Format) positions() bool { return f == Enveloped || f == SSE }

// transport returns the transport of clients of this format.
func (f Format) transport() Transport {
	if f == SSE {
		return SSETransport
	}
	return WebSocketTransport
}

// pongs reports whether clients answer a ping.
func (f Format) pongs() bool { return f != SSE }

// appendRecord appends what a client is told of rec.
func (f Format) appendRecord(dst []byte, rec *eventlog.Record) []byte {
	switch f {
	case Enveloped:
		const before, between, behind = `{"id":"`, `","event":`, `}`
		var id [48]byte
		at := rec.Position.Append(id[:0])
		dst = appendHeader(dst, opText, len(before)+len(at)+len(between)+len(rec.Event.Document)+len(behind))
		dst = append(append(dst, before...), at...)
		dst = append(append(dst, between...), rec.Event.Document...)
		return append(dst, behind...)
	case SSE:
		dst = rec.Position.Append(append(dst, "id: "...))
		dst = append(append(dst, "\ndata: "...), rec.Event.Document...) // JSON without white space has no line ends
		return append(dst, "\n\n"...)
	default:
		return appendTextFrame(dst, rec.Event.Document)
	}
}

// appendGap appends what a client is told of gap.
func (f Format) appendGap(dst []byte, gap eventlog.Gap) []byte {
	switch f {
	case Enveloped:
		text := append(gap.AppendJSON([]byte(`{"gap":`)), '}')
		return append(appendHeader(dst, opText, len(text)), text...)
	case SSE:
		dst = gap.Until.Append(append(dst, "id: "...))
		dst = gap.AppendJSON(append(dst, "\nevent: gap\ndata: "...))
		return append(dst, "\n\n"...)
	default:
		return dst
	}
}

// appendPosition appends what tells a client where it is, without an event.
func (f Format) appendPosition(dst []byte, at schema.Position) []byte {
	switch f {
	case Enveloped:
		text := append(at.Append([]byte(`{"id":"`)), `"}`...)
		return append(appendHeader(dst, opText, len(text)), text...)
	case SSE: // scripts see an id only with data
		dst = at.Append(append(dst, "id: "...))
		dst = at.Append(append(dst, "\nevent: position\ndata: {\"id\":\""...))
		return append(dst, "\"}\n\n"...)
	default:
		return dst
	}
}

// appendMark appends what a client answers when it has got everything up to number seq.
func (f Format) appendMark(dst []byte, seq uint64) []byte {
	if f != Acked {
		return dst
	}
	return append(dst, controlFrame(opPing, strconv.AppendUint(nil, seq, 10))...)
}

var (
	pingFrame   = controlFrame(opPing, nil)
	pingComment = []byte(":\n\n")
)

// ping returns what keeps the connection alive.
func (f Format) ping() []byte {
	if f == SSE {
		return pingComment
	}
	return pingFrame
}

// goodbye returns how a client is told that the connection ends. An event stream just ends.
func (f Format) goodbye(reason CloseReason) goodbye {
	if f == SSE {
		return goodbye{reason: reason, end: errToldOff}
	}
	return goodbye{reason: reason, frame: closeFrame(reason)}
}
