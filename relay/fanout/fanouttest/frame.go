// Package fanouttest builds the WebSocket frames that tests send and expect (RFC 6455 §5.2), and connections for TLS.
// It shares no code with package fanout, so that neither hides the other's mistakes.
package fanouttest

import "encoding/binary"

const maskedBit = 0x80

// Masked returns one frame of a client. Its first byte is first: the opcode and the final bit.
func Masked(first byte, payload string) string {
	key := [4]byte{0xa1, 0xb2, 0xc3, 0xd4}
	frame := append(header(first, len(payload), maskedBit), key[:]...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^key[i%4])
	}
	return string(frame)
}

// TextFrame returns one text message of a server: a single final frame, not masked.
func TextFrame(text []byte) []byte {
	const finalText = 0x81
	return append(header(finalText, len(text), 0), text...)
}

// header returns a frame's header, up to the payload length. mask is maskedBit or 0.
func header(first byte, n int, mask byte) []byte {
	switch {
	case n < 126:
		return []byte{first, mask | byte(n)}
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16([]byte{first, mask | 126}, uint16(n))
	default:
		return binary.BigEndian.AppendUint64([]byte{first, mask | 127}, uint64(n))
	}
}

// ClosePayload returns the payload of a close frame (RFC 6455 §5.5.1).
func ClosePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}
