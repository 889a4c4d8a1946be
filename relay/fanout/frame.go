package fanout

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// opcode says what a frame is (RFC 6455 §5.2).
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

	// maxControlPayload is from RFC 6455 §5.5.
	maxControlPayload = 125
)

// frame is one frame of a client, unmasked.
type frame struct {
	final   bool
	op      opcode
	payload []byte
}

// parseFrame takes the first frame from p and unmasks it there. It returns how many bytes the frame takes; 0 if it is
// not whole yet, which is not an error. The error is the CloseReason to fail the connection with, as soon as
// the beginning of the frame shows it; a payload of more than limit bytes is one (RFC 6455 §5.2, §7.1.7).
func parseFrame(p []byte, limit int) (f frame, n int, err error) {
	if len(p) < 2 {
		return f, 0, nil
	}
	f.final, f.op = p[0]&finalBit != 0, opcode(p[0]&opcodeBits)
	short := p[1] & lengthBits
	switch {
	case p[0]&reservedBits != 0:
		return f, 0, protocolError("reserved bits are set")
	case f.op > opBinary && f.op < opClose, f.op > opPong:
		return f, 0, protocolError("unknown opcode")
	case p[1]&maskedBit == 0:
		return f, 0, protocolError("a client must mask its frames")
	case f.op.control() && (!f.final || short > maxControlPayload):
		return f, 0, protocolError("a control frame must be whole and short")
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

// payloadLength returns how long a frame's payload is and where in p its mask begins; ok is false if that much of the
// header is not there yet (RFC 6455 §5.2).
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

// closeCode returns the code of a close frame with this payload, StatusNoStatusRcvd if it has none (RFC 6455 §5.5.1,
// §7.4). The error is a CloseReason.
func closeCode(payload []byte) (websocket.StatusCode, error) {
	if len(payload) == 0 {
		return websocket.StatusNoStatusRcvd, nil
	}
	if len(payload) == 1 {
		return 0, protocolError("a close code has two bytes")
	}
	code := websocket.StatusCode(binary.BigEndian.Uint16(payload))
	switch {
	case code >= 3000 && code <= 4999:
	case code >= 1000 && code <= 1014 && code != 1004 && code != websocket.StatusNoStatusRcvd && code != websocket.StatusAbnormalClosure:
	default:
		return 0, protocolError("no such close code")
	}
	if !utf8.Valid(payload[2:]) {
		return 0, CloseInvalidUTF8
	}
	return code, nil
}

// closeFrame returns a server's close frame (RFC 6455 §5.5.1), without a code for StatusNoStatusRcvd. The reason must
// have at most 123 bytes.
func closeFrame(reason CloseReason) []byte {
	if reason.Code == websocket.StatusNoStatusRcvd {
		return controlFrame(opClose, nil)
	}
	return controlFrame(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(reason.Code)), reason.Text...))
}

// appendHeader appends the header of a server's frame that is a whole message of n bytes (RFC 6455 §5.2).
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

// appendTextFrame appends text as one whole text message from a server.
func appendTextFrame(dst, text []byte) []byte {
	return append(appendHeader(dst, opText, len(text)), text...)
}

// controlFrame returns a server's control frame. The payload must have at most 125 bytes (RFC 6455 §5.5).
func controlFrame(op opcode, payload []byte) []byte {
	return append([]byte{finalBit | byte(op), byte(len(payload))}, payload...)
}
