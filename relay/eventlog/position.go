package eventlog

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in the history: right behind the record with number Seq. Epoch changes whenever numbers
// restart, so that a position of another history is never taken for one of this.
type Position struct {
	Epoch string
	Seq   uint64
}

// String returns the position as clients see it, "<epoch>-<seq>". To them it is opaque.
func (p Position) String() string { return p.Epoch + "-" + strconv.FormatUint(p.Seq, 10) }

// ParsePosition is the inverse of String.
func ParsePosition(s string) (Position, error) {
	epoch, digits, ok := strings.Cut(s, "-")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if !ok || epoch == "" || err != nil {
		return Position{}, fmt.Errorf("%q is not a position, which looks like k3x9a2mq-17", s)
	}
	return Position{Epoch: epoch, Seq: seq}, nil
}

// MarshalText is String, for logs and JSON.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
