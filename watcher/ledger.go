package watcher

import "github.com/fsnotify/fsnotify"

// ledger estimates how many writes were overwritten before they could be read. The plugin's every write ends
// with a Chmod, so in a run of writes there are as many Chmods as writes; those beyond the contents that were
// handed over belong to writes that nobody saw. A Chmod may come after its content was read, or before, so the
// books balance over a run, which ends when a second has passed without a notification.
//
// It errs low: the kernel merges two equal notifications in a row, and a writer that does not change the mode is
// not counted.
type ledger struct {
	wrote   bool   // a Write or a Create came in this run: a Chmod alone is no write
	ended   uint64 // Chmods in this run
	decided uint64 // contents handed over in this run
}

func (b *ledger) notified(op fsnotify.Op) {
	b.wrote = b.wrote || op.Has(fsnotify.Write|fsnotify.Create)
	if b.wrote && op.Has(fsnotify.Chmod) {
		b.ended++
	}
}

// lost returns the writes that ended unseen since it was last asked.
func (b *ledger) lost() uint64 {
	if b.ended <= b.decided {
		return 0
	}
	n := b.ended - b.decided
	b.decided = b.ended
	return n
}

// reset begins a new run.
func (b *ledger) reset() { *b = ledger{} }
