package schema

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxEpoch is the maximum size in bytes of an epoch, together with a tag. The relay's own epochs have 8, those
	// of brokers up to 14.
	maxEpoch = 32

	// TagSize is the size of a tag in bytes.
	TagSize = 8
)

// Position is a place in the log: after the record with sequence number Seq. The epoch changes whenever sequence
// numbers restart, so a position in one log never matches another log.
type Position struct {
	Epoch string
	Seq   uint64

	// Tag identifies the record with number Seq, for logs in which another record may get the same number. It
	// consists of TagSize lowercase letters and digits, or is "" if the log has no tags or the record is unknown.
	Tag string
}

// String returns "<epoch><tag>-<seq>". Clients must treat it as opaque. A release without tags takes a position with
// a tag for one in another log, and sends a gap notice.
func (p Position) String() string { return string(p.Append(nil)) }

// In returns a parsed position with its tag in Tag if the position is in the log with this epoch. Otherwise it
// returns p.
func (p Position) In(epoch string) Position {
	if tag, ok := strings.CutPrefix(p.Epoch, epoch); ok && len(tag) == TagSize && p.Tag == "" {
		p.Epoch, p.Tag = epoch, tag
	}
	return p
}

// Append appends the result of String to dst.
func (p Position) Append(dst []byte) []byte {
	dst = append(append(dst, p.Epoch...), p.Tag...)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, p.Seq, 10)
}

// AppendJSON appends the position to dst as a JSON string. A position that ParsePosition accepts needs no escapes.
func (p Position) AppendJSON(dst []byte) []byte {
	return append(p.Append(append(dst, '"')), '"')
}

// ParsePosition parses the result of String. It leaves a tag at the end of Epoch: see In.
func ParsePosition(s string) (Position, error) {
	epoch, digits, ok := strings.Cut(s, "-")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if !ok || !isEpoch(epoch) || err != nil {
		return Position{}, fmt.Errorf("%.40q is not a position (example: k3x9a2mq-17)", s)
	}
	return Position{Epoch: epoch, Seq: seq}, nil
}

// isEpoch reports whether s consists of 1 to maxEpoch lowercase letters and digits.
func isEpoch(s string) bool {
	invalid := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	return s != "" && len(s) <= maxEpoch && !strings.ContainsFunc(s, invalid)
}

// MarshalText returns the result of String, for logs and JSON.
func (p Position) MarshalText() ([]byte, error) { return p.Append(nil), nil }

// UnmarshalText sets p to the result of ParsePosition.
func (p *Position) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePosition(string(text))
	return err
}
