package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// maxEpoch bounds the first part of a position, in bytes; ours have 8.
const maxEpoch = 32

// Position is a place in the history: right behind the record with number Seq. Epoch changes whenever numbers
// restart, so that a position of another history is never taken for one of this.
type Position struct {
	Epoch string
	Seq   uint64
}

// String returns the position as clients see it, "<epoch>-<seq>". To them it is opaque.
func (p Position) String() string { return string(p.Append(nil)) }

// Append appends String.
func (p Position) Append(dst []byte) []byte {
	dst = append(dst, p.Epoch...)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, p.Seq, 10)
}

// AppendJSON appends the position as a JSON string. What ParsePosition takes needs no escapes.
func (p Position) AppendJSON(dst []byte) []byte {
	return append(p.Append(append(dst, '"')), '"')
}

// ParsePosition is the inverse of String.
func ParsePosition(s string) (Position, error) {
	epoch, digits, ok := strings.Cut(s, "-")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if !ok || !isEpoch(epoch) || err != nil {
		return Position{}, fmt.Errorf("%.40q is not a position, which looks like k3x9a2mq-17", s)
	}
	return Position{Epoch: epoch, Seq: seq}, nil
}

// isEpoch reports whether s is a few lowercase letters and digits.
func isEpoch(s string) bool {
	alien := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	return s != "" && len(s) <= maxEpoch && !strings.ContainsFunc(s, alien)
}

// MarshalText is String, for logs and JSON.
func (p Position) MarshalText() ([]byte, error) { return p.Append(nil), nil }

// UnmarshalText is ParsePosition.
func (p *Position) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePosition(string(text))
	return err
}
