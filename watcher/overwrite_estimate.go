package watcher

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// rapidPause is the longest pause between two rapid notifications. A single writer that is not in a hurry pauses
	// for longer between two writes.
	rapidPause = 30 * time.Microsecond

	// rapidCount is how many rapid notifications in a row make a burst busy.
	rapidCount = 16
)

// overwriteEstimate estimates how many writes were overwritten before they could be read.
//
// The plugin ends each write with a chmod, so a burst of writes has as many Chmod notifications as writes. The Chmods
// in excess of the contents handed over belong to writes that no read has seen. A Chmod may come before its content is
// read, or after. So the two numbers are only comparable over a burst, which ends when a second has passed without a
// notification.
//
// The kernel merges a notification with an equal one before it that has not been fetched yet. If several processes
// write at once, that hides one Chmod in twenty and more. So while a burst is busy, or several processes write, the
// file is watched beside its directory. Each notification then comes twice. Neighbours come from different watches,
// and the kernel does not merge them.
//
// The estimate is exact for one process that writes as the plugin does. It is too low
//   - if a writer does not set the file's mode, or leaves a content incomplete for longer than the debounce;
//   - if the kernel merged Chmods before the file itself was watched;
//   - if a burst is cut short: by lost notifications, or a damaged line of the outbox;
//   - if the folder is deleted, and written twice after it was created again, before it is watched again. That takes
//     less than a millisecond on an idle machine, and a save by the plugin takes longer. See writtenUnwatched.
//
// It is too high if another program changes the mode, the owner or the times of the file within the burst.
type overwriteEstimate struct {
	wrote       bool        // a Write or a Create came in this burst; a Chmod alone is not a write
	concurrent  bool        // several processes write in this burst: one process does not notify in this order
	lastOp      fsnotify.Op // the previous notification
	sameOps     int         // how many notifications with lastOp came in a row
	rapidOps    int         // how many notifications came in a row with a rapidPause at most
	halfChmods  uint64      // twice the number of Chmods in this burst, since each may come as two notifications
	chmodsMatch bool        // each Chmod comes twice now: those from before the file was watched have been fetched
	accounted   uint64      // contents handed over in this burst, and overwrites that take has returned
}

// add adds a notification that came after a pause. doubled is set if each notification comes twice. add returns true if
// each should come twice.
func (e *overwriteEstimate) add(op fsnotify.Op, pause time.Duration, doubled bool) (busy bool) {
	e.wrote = e.wrote || op.Has(fsnotify.Write|fsnotify.Create)
	if e.rapidOps++; pause > rapidPause {
		e.rapidOps = 0
	}
	if e.sameOps++; op != e.lastOp {
		e.sameOps = 1
	}
	e.lastOp = op
	if e.wrote && op == fsnotify.Chmod {
		e.addChmod(doubled)
	}
	e.concurrent = e.concurrent || e.wrote && e.sameOps > maxInARow(op, doubled)
	return e.concurrent || e.wrote && e.rapidOps >= rapidCount
}

// addChmod counts one Chmod notification.
func (e *overwriteEstimate) addChmod(doubled bool) {
	switch {
	case doubled && e.chmodsMatch:
		e.halfChmods++
	case doubled && e.sameOps == 2:
		e.chmodsMatch = true // the first of the two was counted as a whole Chmod
	default:
		e.halfChmods += 2
	}
}

// maxInARow returns how many notifications with op one process can cause in a row: two Writes (it truncates the file
// and writes it) and one Chmod, or twice as many if doubled.
func maxInARow(op fsnotify.Op, doubled bool) int {
	n := 2
	if op == fsnotify.Chmod {
		n = 1
	}
	if doubled {
		n *= 2
	}
	return n
}

// take returns the estimate of overwritten writes since the last call.
func (e *overwriteEstimate) take() uint64 {
	ended := (e.halfChmods + 1) / 2 // the other half is on its way, or came before the file was watched
	if ended <= e.accounted {
		return 0
	}
	n := ended - e.accounted
	e.accounted = ended
	return n
}

// unaccount removes a content that was handed over, because its Chmod was not announced.
func (e *overwriteEstimate) unaccount() {
	if e.accounted > 0 {
		e.accounted--
	}
}

// writtenUnwatched returns how many writes of a folder that was created again were surely overwritten before it was
// watched: 1 or 0. folder and file are their versions when the watch began, and readAt is the end of the last read. The
// folder's time is the creation of the file by the first write, so a later time of the file is another write. It is
// wrong if a process pauses for clockTick between creating the file and writing it.
func writtenUnwatched(folder, file fileVersion, readAt time.Time) uint64 {
	created, written := time.Unix(0, folder.modified), time.Unix(0, file.modified)
	if file == (fileVersion{}) || created.Before(readAt) || written.Sub(created) <= clockTick {
		return 0
	}
	return 1
}

// reset starts a new burst.
func (e *overwriteEstimate) reset() { *e = overwriteEstimate{} }
