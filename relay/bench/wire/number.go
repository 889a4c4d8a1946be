package wire

import "math"

// lookAt is how many bytes of a message are searched for the event's number. The plugin writes it within the first
// hundred.
const lookAt = 256

// numberKey stands before the event's number, as PHP and the relay write it.
const numberKey = `"post_id":`

// finder finds the number of the event in a message that comes in pieces. The zero value is at a message's begin.
type finder struct {
	number  uint32 // as far as it has been read
	looked  uint16 // bytes of the message so far, lookAt once the search is over
	matched uint8  // bytes of numberKey that the last bytes are
}

// look goes on with the next piece of the message.
func (f *finder) look(p []byte) {
	for _, b := range p[:min(len(p), lookAt-int(f.looked))] {
		f.looked++
		switch {
		case f.matched < uint8(len(numberKey)):
			f.match(b)
		case '0' <= b && b <= '9' && f.number < math.MaxUint32/10:
			f.number = f.number*10 + uint32(b-'0')
		case f.number != 0 || b > ' ':
			f.looked = lookAt
			return
		}
	}
}

func (f *finder) match(b byte) {
	switch b {
	case numberKey[f.matched]:
		f.matched++
	case '"':
		f.matched = 1
	default:
		f.matched = 0
	}
}
