package fanout

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// opcode is the type of a frame (RFC 6455 §5.2).
type opcode byte

const (
	opContinuation opcode = 0x0
	opText         opcode = 0x1
	opBinary       opcode = 0x2
	opClose        opcode = 0x8
	opPing         opcode = 0x9
	opPong         opcode = 0xa
)

func (op opcode) control() bool { return op >= opClose }

const (
	finalBit     = 0x80
	reservedBits = 0x70
	opcodeBits   = 0x0f
	maskedBit    = 0x80
	lengthBits   = 0x7f

	// maxControlPayload is the limit of RFC 6455 §5.5.
	maxControlPayload = 125
)

// frame is one frame of a client.
type frame struct {
	final   bool
	op      opcode
	payload []byte // unmasked
}

// parseFrame parses the first frame of p and unmasks it in place. It returns the number of bytes of the frame, or 0
// if p does not hold all of it. The error is the CloseReason for closing the client (RFC 6455 §5.2, §7.1.7).
// parseFrame returns it as soon as p holds the part of the header that shows it. It is CloseMessageTooBig for a
// payload over limit bytes.
func parseFrame(p []byte, limit int) (f frame, n int, err error) {
	if len(p) < 2 {
		return f, 0, nil
	}
	f.final, f.op = p[0]&finalBit != 0, opcode(p[0]&opcodeBits)
	short := p[1] & lengthBits
	switch {
	case p[0]&reservedBits != 0:
		return f, 0, protocolError("reserved bits set")
	case f.op > opBinary && f.op < opClose, f.op > opPong:
		return f, 0, protocolError("unknown opcode")
	case p[1]&maskedBit == 0:
		return f, 0, protocolError("frame not masked")
	case f.op.control() && (!f.final || short > maxControlPayload):
		return f, 0, protocolError("control frame fragmented or too long")
	}
	length, header, ok := payloadLength(p, short)
	switch {
	case !ok:
		return f, 0, nil
	case length > uint64(limit) && !f.op.control():
		return f, 0, CloseMessageTooBig
	}
	key, end := header, header+4+int(length)
	if len(p) < end {
		return f, 0, nil
	}
	f.payload = p[key+4 : end]
	for i := range f.payload {
		f.payload[i] ^= p[key+i%4]
	}
	return f, end, nil
}

// payloadLength returns the payload length of a frame, and the index of its masking key in p (RFC 6455 §5.2). ok is
// false if p does not hold that part of the header.
func payloadLength(p []byte, short byte) (length uint64, at int, ok bool) {
	switch {
	case short < 126:
		return uint64(short), 2, true
	case short == 126 && len(p) >= 4:
		return uint64(binary.BigEndian.Uint16(p[2:])), 4, true
	case short == 127 && len(p) >= 10:
		return binary.BigEndian.Uint64(p[2:]), 10, true
	}
	return 0, 0, false
}

// closeCode returns the code in the payload of a close frame, or StatusNoStatusRcvd if there is none (RFC 6455
// §5.5.1, §7.4). The error is the CloseReason for closing the client.
func closeCode(payload []byte) (websocket.StatusCode, error) {
	if len(payload) == 0 {
		return websocket.StatusNoStatusRcvd, nil
	}
	if len(payload) == 1 {
		return 0, protocolError("close code of one byte")
	}
	code := websocket.StatusCode(binary.BigEndian.Uint16(payload))
	if !sendable(code) {
		return 0, protocolError("invalid close code")
	}
	if !utf8.Valid(payload[2:]) {
		return 0, CloseInvalidUTF8
	}
	return code, nil
}

// sendable reports whether a close frame may carry the code: not if it is reserved or undefined (RFC 6455 §7.4).
func sendable(code websocket.StatusCode) bool {
	switch code {
	case 1004, websocket.StatusNoStatusRcvd, websocket.StatusAbnormalClosure:
		return false
	}
	return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
}

// closeFrame returns the relay's close frame (RFC 6455 §5.5.1). It has no code for StatusNoStatusRcvd.
func closeFrame(reason CloseReason) []byte {
	if reason.Code == websocket.StatusNoStatusRcvd {
		return controlFrame(opClose, nil)
	}
	return controlFrame(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(reason.Code)), reason.Text...))
}

// appendHeader appends the header of a frame that is a whole message of n bytes (RFC 6455 §5.2). Frames of a server
// are not masked.
func appendHeader(dst []byte, op opcode, n int) []byte {
	switch {
	case n < 126:
		return append(dst, finalBit|byte(op), byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, finalBit|byte(op), 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, finalBit|byte(op), 127), uint64(n))
	}
}

// appendTextFrame appends a frame that is a whole text message.
func appendTextFrame(dst, text []byte) []byte {
	return append(appendHeader(dst, opText, len(text)), text...)
}

// controlFrame returns a control frame. The payload has at most 125 bytes (RFC 6455 §5.5).
func controlFrame(op opcode, payload []byte) []byte {
	return append([]byte{finalBit | byte(op), byte(len(payload))}, payload...)
}
