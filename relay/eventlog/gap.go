package eventlog

import (
	"strconv"

	"wpre-relay/schema"
)

// Gap is a range of sequence numbers that a client asked for and cannot get, because the records are lost or no
// longer retained.
type Gap struct {
	Since schema.Position // the client's position
	Until schema.Position // the position that the client continues after

	// Uncounted is set if the number of missing events is unknown: for a client that does not see all events, if
	// the client's position is not in this log, and if sequence numbers in the gap were skipped.
	Uncounted bool
}

// Missing returns the number of missing events. It is not known if the epochs differ, or if Uncounted is set.
func (g Gap) Missing() (n uint64, known bool) {
	if g.Uncounted || g.Since.Epoch != g.Until.Epoch || g.Since.Seq > g.Until.Seq {
		return 0, false
	}
	return g.Until.Seq - g.Since.Seq, true
}

// AppendJSON appends {"since":POSITION,"until":POSITION,"missing":N} to dst. It omits missing if the number is not
// known.
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

// MarshalJSON implements json.Marshaler. It returns what AppendJSON appends.
func (g Gap) MarshalJSON() ([]byte, error) { return g.AppendJSON(nil), nil }
