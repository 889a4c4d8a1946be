package watcher

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// lull is a pause between two notifications that quick writers leave no room for.
	lull = 30 * time.Microsecond

	// manyInARow is how many notifications without a lull make a run a busy one.
	manyInARow = 16
)

// ledger estimates how many writes were overwritten before they could be read. The plugin's every write ends
// with a Chmod, so in a run of writes there are as many Chmods as writes; those beyond the contents that were
// handed over belong to writes that nobody saw. A Chmod may come after its content was read, or before, so the
// books balance over a run, which ends when a second has passed without a notification.
//
// The kernel merges a notification with an equal one before it that was not fetched yet. So of several processes
// that write at once, one Chmod in twenty and more would be missing. While a run is busy, or the writers give
// themselves away, the file itself is watched beside its directory: then each notification comes twice, neighbours
// come from different watches and are never equal.
//
// It errs low: a writer that does not change the mode is not counted.
type ledger struct {
	wrote   bool        // a Write or a Create came in this run: a Chmod alone is no write
	several bool        // several processes write in this run, for one alone does not notify in this order
	last    fsnotify.Op // the notification before
	alike   int         // how many like it have come in a row
	hurried int         // how many of any kind have come without a lull
	halves  uint64      // twice the Chmods in this run: each may come as two notifications
	paired  bool        // they do by now: those that were waiting when the file came to be watched are through
	decided uint64      // contents handed over in this run
}

// notified takes a notification that came after a pause. It comes twice for each thing that happens if twice is set,
// and should if busy is returned.
func (b *ledger) notified(op fsnotify.Op, pause time.Duration, twice bool) (busy bool) {
	b.wrote = b.wrote || op.Has(fsnotify.Write|fsnotify.Create)
	if b.hurried++; pause > lull {
		b.hurried = 0
	}
	if b.alike++; op != b.last {
		b.alike = 1
	}
	b.last = op
	if b.wrote && op == fsnotify.Chmod {
		b.ended(twice)
	}
	b.several = b.several || b.wrote && b.alike > most(op, twice)
	return b.several || b.wrote && b.hurried >= manyInARow
}

// ended books one Chmod.
func (b *ledger) ended(twice bool) {
	switch {
	case twice && b.paired:
		b.halves++
	case twice && b.alike == 2:
		b.paired = true // the first of the two was counted for both
	default:
		b.halves += 2
	}
}

// most returns how many notifications of a kind one writer can cause in a row: two Writes (it empties the file and
// fills it) and one Chmod, or twice that.
func most(op fsnotify.Op, twice bool) int {
	n := 2
	if op == fsnotify.Chmod {
		n = 1
	}
	if twice {
		n *= 2
	}
	return n
}

// lost returns the writes that ended unseen since it was last asked.
func (b *ledger) lost() uint64 {
	ended := (b.halves + 1) / 2 // the second half is on its way, or came before the file was watched too
	if ended <= b.decided {
		return 0
	}
	n := ended - b.decided
	b.decided = ended
	return n
}

// reset begins a new run.
func (b *ledger) reset() { *b = ledger{} }
