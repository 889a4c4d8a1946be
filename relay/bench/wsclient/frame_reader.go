// Package wsclient encodes and decodes the client's side of a WebSocket connection (RFC 6455). It decodes a stream of
// bytes that may be split at any position. It does no I/O. Of a message, it reads the event's number and computes a
// checksum.
package wsclient

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Kind is the kind of an Item.
type Kind uint8

// The kinds of items. Pongs are skipped.
const (
	None    Kind = iota // the bytes end within a frame or message
	Message             // a complete message
	Ping                // the client must send a pong with the same payload
	Close               // the last frame of the server
)

// noStatus is the code of a close frame without a code (RFC 6455 §7.1.5).
const noStatus = 1005

// Item is one message or control frame of the server.
type Item struct {
	Kind    Kind
	Number  uint32 // the event's number in a message, 0 if it has none; the code of a close frame
	Sum     uint32 // the Checksum of a message
	Payload []byte // the payload of a ping; valid until the next call of Next
}

// These errors are violations of RFC 6455 by the server. The bytes after a violation cannot be decoded.
var (
	ErrReserved   = errors.New("a frame with reserved bits, although no extension was negotiated (RFC 6455 §5.2)")
	ErrMasked     = errors.New("a masked frame, which only clients may send (RFC 6455 §5.1)")
	ErrOpcode     = errors.New("a frame with an unknown opcode (RFC 6455 §5.2)")
	ErrFragmented = errors.New("a new message inside a fragmented one, or a continuation without one (RFC 6455 §5.4)")
	ErrControl    = errors.New("a control frame that is fragmented or over 125 bytes (RFC 6455 §5.5)")
	ErrTooLong    = errors.New("a frame of more than 1 GiB")
)

// maxFrame bounds the payload of a frame, so that a length fits into 32 bits.
const maxFrame = 1 << 30

// These are the bits of a frame's first two bytes, and the opcodes (RFC 6455 §5.2).
const (
	finBit      = 0x80
	reservedBit = 0x70
	controlBit  = 0x08
	opcodeBits  = 0x0F
	maskBit     = 0x80
	lengthBits  = 0x7F

	opContinuation = 0x0
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// castagnoli is the polynomial that processors compute by themselves: 160 bytes take 10 ns.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the checksum of a message (CRC-32C). It finds a message that was torn or mixed from two others, but
// not one that was forged.
func Checksum(message []byte) uint32 { return crc32.Checksum(message, castagnoli) }

// FrameReader decodes the frames of one server. It keeps no payload of messages, and allocates only if the bytes end
// within a header or a control frame. The zero value expects the first frame.
type FrameReader struct {
	partial   string        // the start of an incomplete header or control frame
	remaining uint32        // bytes missing of the current frame's payload
	sum       uint32        // Checksum of the current message so far
	scanner   numberScanner // of the current message
	inMessage bool          // a message has started and is not complete
	final     bool          // the current frame is the last of its message
}

// Next returns the next item in p and the bytes of p after it. If p ends before the item does, Next keeps the state
// that it needs and returns None and no bytes; the caller continues with the next bytes.
func (r *FrameReader) Next(p []byte) (Item, []byte, error) {
	for len(p) > 0 {
		if r.remaining > 0 {
			n := min(len(p), int(r.remaining))
			r.scanner.scan(p[:n])
			r.sum = crc32.Update(r.sum, castagnoli, p[:n])
			r.remaining -= uint32(n)
			p = p[n:]
		} else {
			var head []byte
			if head, p = r.header(p); head == nil {
				break
			}
			if item, err := r.startFrame(head); err != nil || item.Kind != None {
				return item, p, err
			}
		}
		if r.remaining == 0 && r.final {
			return r.endMessage(), p, nil
		}
	}
	return Item{}, nil, nil
}

// endMessage returns the message that is complete, and resets the reader for the next one.
func (r *FrameReader) endMessage() Item {
	item := Item{Kind: Message, Number: r.scanner.number, Sum: r.sum}
	r.inMessage, r.final, r.scanner, r.sum = false, false, numberScanner{}, 0
	return item
}

// header returns a complete header and the bytes of p after it, or nil if p ends before. The header of a control
// frame includes its payload.
func (r *FrameReader) header(p []byte) (header, rest []byte) {
	if len(r.partial) == 0 && len(p) >= headerLen(p) {
		n := headerLen(p)
		return p[:n], p[n:]
	}
	header = []byte(r.partial)
	for len(header) < headerLen(header) {
		if len(p) == 0 {
			r.partial = string(header)
			return nil, nil
		}
		n := min(len(p), headerLen(header)-len(header))
		header = append(header, p[:n]...)
		p = p[n:]
	}
	r.partial = ""
	return header, p
}

// headerLen returns the length of the header at the start of p, as far as p determines it. The header of a control
// frame includes its payload.
func headerLen(p []byte) int {
	switch {
	case len(p) < 2:
		return 2
	case p[1]&lengthBits == 127:
		return 2 + 8
	case p[1]&lengthBits == 126:
		return 2 + 2
	case p[0]&controlBit != 0:
		return 2 + int(p[1]&lengthBits)
	default:
		return 2
	}
}

// startFrame starts the frame with this header. It returns an item if the frame is a control frame.
func (r *FrameReader) startFrame(head []byte) (Item, error) {
	switch opcode := head[0] & opcodeBits; {
	case head[0]&reservedBit != 0:
		return Item{}, ErrReserved
	case head[1]&maskBit != 0:
		return Item{}, ErrMasked
	case opcode&controlBit != 0:
		return parseControl(head)
	case opcode > opBinary:
		return Item{}, ErrOpcode
	case r.inMessage != (opcode == opContinuation):
		return Item{}, ErrFragmented
	}
	length := payloadLen(head)
	if length > maxFrame {
		return Item{}, ErrTooLong
	}
	r.remaining, r.inMessage, r.final = uint32(length), true, head[0]&finBit != 0
	return Item{}, nil
}

// payloadLen returns the length of a frame's payload.
func payloadLen(head []byte) uint64 {
	switch len(head) {
	case 2 + 8:
		return binary.BigEndian.Uint64(head[2:])
	case 2 + 2:
		return uint64(binary.BigEndian.Uint16(head[2:]))
	default:
		return uint64(head[1] & lengthBits)
	}
}

// parseControl returns the item for a complete control frame, which is None for a pong.
func parseControl(frame []byte) (Item, error) {
	if frame[0]&finBit == 0 || frame[1]&lengthBits > 125 {
		return Item{}, ErrControl
	}
	payload := frame[2:]
	switch frame[0] & opcodeBits {
	case opPing:
		return Item{Kind: Ping, Payload: payload}, nil
	case opPong:
		return Item{}, nil
	case opClose:
		if len(payload) < 2 {
			return Item{Kind: Close, Number: noStatus}, nil
		}
		return Item{Kind: Close, Number: uint32(binary.BigEndian.Uint16(payload))}, nil
	default:
		return Item{}, ErrOpcode
	}
}

// AppendPong appends the pong for a ping with this payload to p. Its mask is zero: clients must mask their frames to
// protect proxies from the scripts of pages (RFC 6455 §10.3), and this client runs none.
func AppendPong(p, payload []byte) []byte {
	p = append(p, finBit|opPong, maskBit|byte(len(payload)), 0, 0, 0, 0)
	return append(p, payload...)
}
