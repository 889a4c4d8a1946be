package watcher

import "github.com/fsnotify/fsnotify"

// ledger estimates how many writes were overwritten before they could be read. The plugin's every write ends
// with a Chmod, so in a run of writes there are as many Chmods as writes; those beyond the contents that were
// handed over belong to writes that nobody saw. A Chmod may come after its content was read, or before, so the
// books balance over a run, which ends when a second has passed without a notification.
//
// It errs low: a writer that does not change the mode is not counted.
type ledger struct {
	wrote   bool   // a Write or a Create came in this run: a Chmod alone is no write
	halves  uint64 // twice the Chmods in this run: each may come as two notifications
	decided uint64 // contents handed over in this run
}

// notified takes a notification, which comes twice for each thing that happens if twice is set.
func (b *ledger) notified(op fsnotify.Op, twice bool) {
	b.wrote = b.wrote || op.Has(fsnotify.Write) || op.Has(fsnotify.Create)
	switch {
	case !b.wrote || !op.Has(fsnotify.Chmod):
	case twice:
		b.halves++
	default:
		b.halves += 2
	}
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
