package eventlog

import (
	"strconv"

	"wpre-relay/schema"
)

// skipped is how many numbers are passed over where it is not known which were given out: after the system went down
// before the journal was on the disk, say. It is far more than can be given out within the second that takes.
const skipped = 1 << 20

// Gap is a stretch of the history that is lost, or no longer kept, to a client that asks for it.
type Gap struct {
	Since schema.Position // what the client had
	Until schema.Position // where it goes on: it gets what comes after this

	// Uncounted is set for a client that is not shown all events: how many of these it would have been is not known.
	Uncounted bool
}

// Missing returns how many events that is. It is not known between two epochs, where numbers were skipped, and if g is
// Uncounted.
func (g Gap) Missing() (n uint64, known bool) {
	if g.Uncounted || g.Since.Epoch != g.Until.Epoch || g.Since.Seq > g.Until.Seq {
		return 0, false
	}
	n = g.Until.Seq - g.Since.Seq
	return n, n < skipped
}

// AppendJSON appends {"since":POSITION,"until":POSITION,"missing":N}, without missing if that is not known.
func (g Gap) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"since":`...)
	dst = g.Since.AppendJSON(dst)
	dst = append(dst, `,"until":`...)
	dst = g.Until.AppendJSON(dst)
	if n, known := g.Missing(); known {
		dst = append(dst, `,"missing":`...)
		dst = strconv.AppendUint(dst, n, 10)
	}
	return append(dst, '}')
}

// MarshalJSON is AppendJSON.
func (g Gap) MarshalJSON() ([]byte, error) { return g.AppendJSON(nil), nil }
