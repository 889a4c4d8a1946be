// Package wire is a WebSocket client's side of RFC 6455, as bytes: what it says, and what it makes of what it hears,
// however the network cuts that. It does no I/O, and looks at a message only for the number of its event.
package wsclient

import (
	"encoding/binary"
	"errors"
)

// Kind says what an Item is.
type Kind uint8

// The kinds of items. Pongs are passed over.
const (
	None    Kind = iota // what came ends within something
	Message             // a whole message has come
	Ping                // to be answered with Pong of the payload
	Close               // the server's last word
)

// noStatus is the code of a close frame that has none (RFC 6455 §7.1.5).
const noStatus = 1005

// Item is one thing that a server has sent.
type Item struct {
	Kind    Kind
	Number  uint32 // of a message: the number of its event, 0 if there is none; of a close frame: its code
	Payload []byte // of a ping; good until the next call of Next
}

// The ways in which a server can break RFC 6455 at the level of frames. Behind one of them nothing can be understood.
var (
	ErrReserved   = errors.New("a frame with reserved bits set, though no extension was agreed on (RFC 6455 §5.2)")
	ErrMasked     = errors.New("a masked frame, which only clients may send (RFC 6455 §5.1)")
	ErrOpcode     = errors.New("a frame with an unknown opcode (RFC 6455 §5.2)")
	ErrFragmented = errors.New("a message inside another, or the rest of none (RFC 6455 §5.4)")
	ErrControl    = errors.New("a control frame that is fragmented or over 125 bytes (RFC 6455 §5.5)")
	ErrTooLong    = errors.New("a frame of more than 1 GiB")
)

const maxFrame = 1 << 30

// The first two bytes of a frame (RFC 6455 §5.2).
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

// Reader reads the frames of one server. It keeps no payload of messages, and allocates only where a header or a
// control frame is cut. The zero value expects the first frame.
type FrameReader struct {
	partial   []byte        // a header or control frame of which the rest has not come
	remaining uint32        // bytes of the frame's payload that have not come
	inMessage bool          // a message has begun and not ended
	final     bool          // the frame that has begun is its message's last
	scanner   numberScanner // of the message that has begun
}

// Next returns the next item in p, and what of p is behind it. Of an item that p does not end, it remembers what it
// must, and returns Nothing and no rest.
func (r *FrameReader) Next(p []byte) (Item, []byte, error) {
	for len(p) > 0 {
		if r.remaining > 0 {
			n := min(len(p), int(r.remaining))
			r.scanner.scan(p[:n])
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

// end returns the message that has ended.
func (r *FrameReader) endMessage() Item {
	number := r.scanner.number
	r.inMessage, r.final, r.scanner = false, false, numberScanner{}
	return Item{Kind: Message, Number: number}
}

// head returns a whole header, of a control frame with its payload, and what of p is behind it; nil if p ends before.
func (r *FrameReader) header(p []byte) (header, rest []byte) {
	if len(r.partial) == 0 && len(p) >= headerLen(p) {
		n := headerLen(p)
		return p[:n], p[n:]
	}
	for len(r.partial) < headerLen(r.partial) {
		if len(p) == 0 {
			return nil, nil
		}
		n := min(len(p), headerLen(r.partial)-len(r.partial))
		r.partial = append(r.partial, p[:n]...)
		p = p[n:]
	}
	header, r.partial = r.partial, r.partial[:0]
	return header, p
}

// headLen returns how long the header is that p begins with, as far as p tells; of a control frame, with its payload.
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

// begin begins the frame of head. It returns an item if that is a control frame.
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

// control returns what a whole control frame says.
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

// AppendPong appends the answer to a ping to p. It is masked, as all that clients send, with zeros: a mask protects
// proxies from pages, not servers from us (RFC 6455 §10.3).
func AppendPong(p, payload []byte) []byte {
	p = append(p, finBit|opPong, maskBit|byte(len(payload)), 0, 0, 0, 0)
	return append(p, payload...)
}
