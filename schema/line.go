package schema

import (
	"bytes"
	"errors"
	"hash/crc32"
	"strconv"
	"time"
)

// Stamp identifies a line in a file of lines.
type Stamp struct {
	Position Position
	Time     time.Time // time of writing, in UTC, with microseconds
}

// Line is one line of the relay's journal or of the companion's outbox: a document with its position. The text is JSON:
//
//	{"id":POSITION,"at":TIME,"sum":CHECKSUM,"event":DOCUMENT}
//
// The checksum is the CRC-32C of the position, the time and the document, each as in the line, in eight hexadecimal
// digits. ParseLine accepts only lines that are byte for byte in this form.
type Line struct {
	Stamp

	// From is the stamp of the outbox line that the document was taken from, or zero. The text has it before the
	// checksum, as "from":{"id":POSITION,"at":TIME}, and the checksum includes it.
	From Stamp

	Document []byte
}

const (
	beforeID       = `{"id":"`
	beforeTime     = `","at":"`
	beforeFrom     = `","from":{"id":"`
	afterFrom      = `"},"sum":"`
	beforeSum      = `","sum":"`
	beforeDocument = `","event":`
	lineEnd        = "}\n"

	timeFormat = "2006-01-02T15:04:05.000000Z07:00"

	// checksumSize is the size of a checksum's text in bytes.
	checksumSize = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is returned for a line with another form or another checksum than Append writes.
var ErrDamaged = errors.New("the line is damaged")

// Append appends the text of the line, with its line end, to dst.
func (l Line) Append(dst []byte) []byte {
	dst, sum := l.Stamp.append(append(dst, beforeID...), 0)
	if l.From == (Stamp{}) {
		dst = append(dst, beforeSum...)
	} else {
		dst, sum = l.From.append(append(dst, beforeFrom...), sum)
		dst = append(dst, afterFrom...)
	}
	dst = appendChecksum(dst, crc32.Update(sum, castagnoli, l.Document))
	dst = append(append(dst, beforeDocument...), l.Document...)
	return append(dst, lineEnd...)
}

// append appends the position and the time to dst, and returns the checksum sum with both added.
func (s Stamp) append(dst []byte, sum uint32) ([]byte, uint32) {
	start := len(dst)
	dst = s.Position.Append(dst)
	sum = crc32.Update(sum, castagnoli, dst[start:])
	start = len(dst) + len(beforeTime)
	dst = appendTime(append(dst, beforeTime...), s.Time)
	return dst, crc32.Update(sum, castagnoli, dst[start:])
}

// appendTime appends t in timeFormat to dst. Package time has a fast path for whole seconds only.
func appendTime(dst []byte, t time.Time) []byte {
	dst = t.UTC().AppendFormat(dst, time.RFC3339)
	dst = append(dst[:len(dst)-1], ".000000Z"...)
	for i, micros := len(dst)-2, t.Nanosecond()/1000; micros > 0; i, micros = i-1, micros/10 {
		dst[i] += byte(micros % 10)
	}
	return dst
}

// ParseLine parses a text that Append returned. It does not validate the document, which shares memory with text. The
// error is ErrDamaged, or describes an invalid position or time with a correct checksum.
func ParseLine(text []byte) (l Line, err error) {
	rest, ok1 := bytes.CutPrefix(text, []byte(beforeID))
	id, rest, ok2 := bytes.Cut(rest, []byte(beforeTime))
	head, rest, ok3 := bytes.Cut(rest, []byte(beforeDocument))
	document, ok4 := bytes.CutSuffix(rest, []byte(lineEnd))
	if len(head) < checksumSize || !ok1 || !ok2 || !ok3 || !ok4 {
		return l, ErrDamaged
	}
	head, sum := head[:len(head)-checksumSize], head[len(head)-checksumSize:]
	at, whole := bytes.CutSuffix(head, []byte(beforeSum))
	parts := [][]byte{id, at, document}
	if !whole {
		at, head, _ = bytes.Cut(head, []byte(beforeFrom))
		fromID, fromAt, _ := bytes.Cut(head, []byte(beforeTime))
		fromAt, whole = bytes.CutSuffix(fromAt, []byte(afterFrom))
		parts = [][]byte{id, at, fromID, fromAt, document}
	}
	if !whole || !bytes.Equal(sum, appendChecksum(nil, checksum(parts))) {
		return l, ErrDamaged
	}
	l.Document = document
	if l.Stamp, err = parseStamp(parts[0], parts[1]); err == nil && len(parts) > 3 {
		l.From, err = parseStamp(parts[2], parts[3])
	}
	return l, err
}

// ValidLine reports whether ParseLine accepts text.
func ValidLine(text []byte) bool {
	_, err := ParseLine(text)
	return err == nil
}

func parseStamp(id, at []byte) (s Stamp, err error) {
	if s.Position, err = ParsePosition(string(id)); err != nil {
		return s, err
	}
	s.Time, err = time.Parse(timeFormat, string(at))
	return s, err
}

// checksum returns the CRC-32C of the parts, which detects damaged and incomplete lines.
func checksum(parts [][]byte) (sum uint32) {
	for _, part := range parts {
		sum = crc32.Update(sum, castagnoli, part)
	}
	return sum
}

// appendChecksum appends the digits of a checksum.
func appendChecksum(dst []byte, sum uint32) []byte {
	var digits [1 + checksumSize]byte
	return append(dst, strconv.AppendUint(digits[:0], 1<<32|uint64(sum), 16)[1:]...)
}
