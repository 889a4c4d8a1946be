package wsclient

import "math"

// lookAt is how many bytes of a message are searched for the event's number. The plugin writes it within the first
// hundred.
const scanLimit = 256

// numberKey stands before the event's number, as PHP and the relay write it.
const numberKey = `"post_id":`

// finder finds the number of the event in a message that comes in pieces. The zero value is at a message's begin.
type numberScanner struct {
	number  uint32 // as far as it has been read
	scanned uint16 // bytes of the message so far, lookAt once the search is over
	matched uint8  // bytes of numberKey that the last bytes are
}

// look goes on with the next piece of the message.
func (f *numberScanner) scan(p []byte) {
	for _, b := range p[:min(len(p), scanLimit-int(f.scanned))] {
		f.scanned++
		switch {
		case f.matched < uint8(len(numberKey)):
			f.match(b)
		case '0' <= b && b <= '9' && f.number < math.MaxUint32/10:
			f.number = f.number*10 + uint32(b-'0')
		case f.number != 0 || b > ' ':
			f.scanned = scanLimit
			return
		}
	}
}

func (f *numberScanner) match(b byte) {
	switch b {
	case numberKey[f.matched]:
		f.matched++
	case '"':
		f.matched = 1
	default:
		f.matched = 0
	}
}
