package fanout

import (
	"slices"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// frameReader assembles a client's frames and messages from the bytes as they arrive. It usually holds no memory,
// because clients send little and a frame arrives whole.
type frameReader struct {
	partial   []byte // the beginning of a frame
	message   []byte // the fragments so far of a fragmented message
	messageOp opcode // the type of that message; 0 if there is none
	count     uint64 // frames read
}

// frameHandler handles what a client sends. Arguments are valid only during the call.
type frameHandler interface {
	onPing(payload []byte)
	onPong(payload []byte)
	onText(text []byte) // any message that is valid UTF-8
	onClose(code websocket.StatusCode)
}

// feed adds p and calls h for each frame or message that is complete. A message has at most limit bytes. feed may
// modify p, but does not keep it. The error is the CloseReason for closing the client. After a close frame, feed
// ignores all input (RFC 6455 §5.5.1).
func (r *frameReader) feed(p []byte, limit int, h frameHandler) error {
	if len(r.partial) > 0 {
		p = append(r.partial, p...)
		r.partial = nil
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
		r.count++
		if f.op == opClose {
			code, err := closeCode(f.payload)
			if err == nil {
				h.onClose(code)
			}
			return err
		}
		if err := r.handle(f, limit, h); err != nil {
			return err
		}
	}
	if len(p) > 0 {
		r.partial = slices.Clone(p)
	}
	return nil
}

// handle handles a frame that is not a close frame.
func (r *frameReader) handle(f frame, limit int, h frameHandler) error {
	switch f.op {
	case opPing:
		h.onPing(f.payload)
		return nil
	case opPong:
		h.onPong(f.payload)
		return nil
	default:
		return r.handleData(f, limit, h)
	}
}

// handleData handles a message or a fragment of one (RFC 6455 §5.4).
func (r *frameReader) handleData(f frame, limit int, h frameHandler) error {
	switch {
	case f.op == opContinuation && r.messageOp == 0:
		return protocolError("continuation without a message")
	case f.op != opContinuation && r.messageOp != 0:
		return protocolError("new message within a fragmented one")
	case len(r.message)+len(f.payload) > limit:
		return CloseMessageTooBig
	}
	op, message := f.op, f.payload
	if f.op == opContinuation {
		op, message = r.messageOp, append(r.message, f.payload...)
	}
	if !f.final {
		r.messageOp, r.message = op, slices.Clone(message)
		return nil
	}
	r.messageOp, r.message = 0, nil
	if utf8.Valid(message) {
		h.onText(message)
	} else if op == opText {
		return CloseInvalidUTF8 // RFC 6455 §8.1
	}
	return nil
}
