package wsclient

import "math"

// scanLimit is the number of bytes of a message that are searched for the event's number. The plugin writes it within
// the first hundred.
const scanLimit = 256

// numberKey precedes the event's number, as PHP and the relay write it.
const numberKey = `"post_id":`

// numberScanner finds the event's number in a message that arrives in pieces. The zero value is ready for a message.
// It does not parse JSON: a number inside a nested object before the event's own would be taken.
type numberScanner struct {
	number  uint32 // the digits so far
	scanned uint16 // bytes of the message so far; scanLimit when the search is over
	matched uint8  // length of the prefix of numberKey that the last bytes match
}

// scan continues with the next piece of the message.
func (s *numberScanner) scan(p []byte) {
	for _, b := range p[:min(len(p), scanLimit-int(s.scanned))] {
		s.scanned++
		switch {
		case s.matched < uint8(len(numberKey)):
			s.match(b)
		case '0' <= b && b <= '9' && s.number < math.MaxUint32/10:
			s.number = s.number*10 + uint32(b-'0')
		case s.number != 0 || b > ' ':
			s.scanned = scanLimit
			return
		}
	}
}

// match advances matched by one byte of the message.
func (s *numberScanner) match(b byte) {
	switch b {
	case numberKey[s.matched]:
		s.matched++
	case '"':
		s.matched = 1
	default:
		s.matched = 0
	}
}
