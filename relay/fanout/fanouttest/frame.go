// Package fanouttest makes what tests have clients say.
package fanouttest

import "encoding/binary"

// Masked returns one frame of a client (RFC 6455 §5.2). first is its first byte.
func Masked(first byte, payload string) string {
	frame := []byte{first, 0x80}
	switch n := len(payload); {
	case n < 126:
		frame[1] |= byte(n)
	case n <= 0xffff:
		frame[1] |= 126
		frame = binary.BigEndian.AppendUint16(frame, uint16(n))
	default:
		frame[1] |= 127
		frame = binary.BigEndian.AppendUint64(frame, uint64(n))
	}
	key := [4]byte{0xa1, 0xb2, 0xc3, 0xd4}
	frame = append(frame, key[:]...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^key[i%4])
	}
	return string(frame)
}

// Closing returns the payload of a close frame (RFC 6455 §5.5.1).
func Closing(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}
