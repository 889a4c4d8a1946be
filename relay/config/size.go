package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, between 1 and 2047 MiB.
type Size int

// units are the suffixes of a size. The longest stand first, since each of them ends with "B".
var units = []struct {
	suffix string
	bytes  int64
}{{"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// String returns the size in a form that UnmarshalText reads.
func (s Size) String() string {
	for _, unit := range units[:2] {
		if n := int64(s); n >= unit.bytes && n%unit.bytes == 0 {
			return strconv.FormatInt(n/unit.bytes, 10) + unit.suffix
		}
	}
	return strconv.Itoa(int(s))
}

// UnmarshalText reads "1048576", "1024KiB" or "1MiB".
func (s *Size) UnmarshalText(text []byte) error {
	for _, unit := range units {
		digits, ok := strings.CutSuffix(string(text), unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 1 || n > math.MaxInt32/unit.bytes {
			break
		}
		*s = Size(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is not a size between 1 and 2047MiB, such as 1048576, 1024KiB or 1MiB", text)
}
