package fanout

import "time"

const (
	// herdWindow is the time over which joins are counted.
	herdWindow = 100 * time.Millisecond

	// herdQuiet is the time without enough joins in a window after which a herd is over. It is several windows long,
	// because accepting may pause while other programs use the processors.
	herdQuiet = 500 * time.Millisecond

	// defaultHerdJoins is the default of Options.HerdJoins. So many handshakes take about a twentieth of the window.
	defaultHerdJoins = 50
)

// herd finds out whether clients of a shard join in a herd, as after a restart. It begins with the last of a given
// number of joins in a window, and takes the ones before it along. The zero value is no herd.
type herd struct {
	begin time.Time // of the window
	joins int       // in the window so far
	end   time.Time // of the herd, unless others join
}

// join counts a client that joins now. It reports whether there is a herd, which takes the given number of joins.
func (h *herd) join(now time.Time, joins int) bool {
	if now.Sub(h.begin) >= herdWindow {
		h.begin, h.joins = now, 0
	}
	if h.joins++; h.joins >= joins {
		h.end = now.Add(herdQuiet)
	}
	return !h.over(now)
}

// over reports whether there is no herd.
func (h *herd) over(now time.Time) bool { return !now.Before(h.end) }
