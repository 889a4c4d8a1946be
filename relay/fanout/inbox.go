package fanout

import (
	"slices"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// inbox puts a client's frames together from the bytes as they come. Mostly it holds nothing: clients say little, and
// what they say comes whole.
type inbox struct {
	rest    []byte // the beginning of a frame
	message []byte // the fragments so far of a message that comes in several frames
	kind    opcode // of that message; 0 if there is none
	frames  uint64 // how many were taken, in all
}

// listener is told what a client says.
type listener interface {
	ping(payload []byte)
	pong(payload []byte)
	message(text []byte) // valid UTF-8
	bye(code websocket.StatusCode)
}

// take reads the frames that p ends, and keeps the rest. It tells to what they say; the bytes are good only during
// the call. A message has at most limit bytes. The error is the CloseReason to fail the connection with.
// Behind a close frame nothing is read (RFC 6455 §5.5.1).
func (in *inbox) take(p []byte, limit int, to listener) error {
	if len(in.rest) > 0 {
		p = append(in.rest, p...)
		in.rest = nil
	}
	for {
		f, n, err := parseFrame(p, limit)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		p = p[n:]
		in.frames++
		switch f.op {
		case opPing:
			to.ping(f.payload)
		case opPong:
			to.pong(f.payload)
		case opClose:
			code, err := closeCode(f.payload)
			if err == nil {
				to.bye(code)
			}
			return err
		default:
			if err := in.data(f, limit, to); err != nil {
				return err
			}
		}
	}
	if len(p) > 0 {
		in.rest = slices.Clone(p)
	}
	return nil
}

// data takes a frame that is a message or a fragment of one (RFC 6455 §5.4).
func (in *inbox) data(f frame, limit int, to listener) error {
	switch {
	case f.op == opContinuation && in.kind == 0:
		return protocolError("a continuation of nothing")
	case f.op != opContinuation && in.kind != 0:
		return protocolError("a message inside of another")
	case len(in.message)+len(f.payload) > limit:
		return CloseMessageTooBig
	}
	kind, message := f.op, f.payload
	if f.op == opContinuation {
		kind, message = in.kind, append(in.message, f.payload...)
	}
	if !f.final {
		in.kind, in.message = kind, slices.Clone(message)
		return nil
	}
	in.kind, in.message = 0, nil
	if utf8.Valid(message) {
		to.message(message)
	} else if kind == opText {
		return CloseInvalidUTF8 // RFC 6455 §8.1
	}
	return nil
}
