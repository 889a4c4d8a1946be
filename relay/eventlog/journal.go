package eventlog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/schema"
)

const (
	journalName  = "journal.ndjson"
	previousName = "journal.1.ndjson"    // the segment before, kept until the next rotation
	nextName     = "journal.next.ndjson" // empty; while it exists and journalName does not, the journal is rotated
	lockName     = "lock"
)

// journal is the log on disk: an append-only text file, the current segment. A full segment is renamed, and
// replaces the previous one. The disk therefore holds one to two times Options.Records, once there are that many.
type journal struct {
	dir     string
	opts    Options
	fs      durable.FS
	logger  *slog.Logger
	lock    durable.Lock // of the file lockName; KeepSynced may replace it
	dirLock durable.Lock // of the directory, where the system has such locks; it outlives a deleted lock file
	created bool         // dir held no log before
	counted uint64       // see checkpoint.Counted
	before  traces

	incarnation durable.Incarnation // of the kernel's content of dir

	mu         sync.Mutex  // held during writes to the disk
	discard    bool        // the log is provisional: close deletes it; guarded by mu
	checkpoint checkpoint  // the content that the file should have; guarded by mu
	pending    atomic.Bool // the file may not have this content yet; set by the holder of mu
	assigned   uint64      // the last sequence number that was appended; guarded by mu
	buffer     writeBuffer // guarded by mu
	unsynced   []*segment  // written since the last sync started; guarded by mu
	deleted    []*segment  // removed from dir and not yet closed; guarded by mu
	dirDirty   bool        // entries of dir were changed since the last sync started; guarded by mu
	lost       int         // number of records that did not fit into buffer; guarded by mu
	writeErr   error       // why the last write failed; guarded by mu
	loggedAt   time.Time   // when writeErr was last logged; guarded by mu
	state      StateStatus // guarded by mu
	closed     bool        // guarded by mu

	known atomic.Pointer[health] // the state when it was last asked for, nil before

	unstable bool // files seem replaced although they are not; used by KeepSynced only

	cache blockCache

	segmentsMu sync.Mutex // held for moments only, never during disk I/O; a writer of the segments also holds mu
	current    *segment   // guarded by segmentsMu
	previous   *segment   // nil if there is none; guarded by segmentsMu
}

// openJournal opens the journal in dir and locks it for this process. It returns the position of the next record.
func openJournal(dir string, opts Options) (j *journal, next schema.Position, err error) {
	j = &journal{dir: dir, opts: opts, fs: opts.FS, logger: opts.Logger.With("journal", filepath.Join(dir, journalName))}
	j.before = j.findTraces()
	if err := durable.MkdirAll(j.fs, dir, 0o700); err != nil {
		return nil, next, fmt.Errorf("create state directory: %w; set --state-dir to a writable directory", err)
	}
	if err := j.acquireLock(); err != nil {
		return nil, next, errors.Join(err, j.unlock())
	}
	j.incarnation = j.fs.Incarnation(dir)
	next, err = j.load()
	if err != nil {
		return nil, next, errors.Join(err, j.unlock())
	}
	return j, next, nil
}

// load opens the segments of former runs, and reserves sequence numbers for this one.
func (j *journal) load() (next schema.Position, err error) {
	saved, trusted, err := readCheckpoint(j.fs, j.dir)
	if err != nil {
		return next, fmt.Errorf("read checkpoint: %w", err)
	}
	if saved.Provisional {
		if err := j.deleteLog(); err != nil {
			return next, fmt.Errorf("discard log of a failed start: %w", err)
		}
		saved, trusted = checkpoint{}, false
	}
	deleted := j.isDeleted()
	last, damaged, err := j.openSegments()
	if err != nil {
		return next, err
	}
	if trusted && (last.Epoch == "" || last.Epoch == saved.Next.Epoch) {
		lost := saved.uncertain(j.incarnation) || !saved.closed() && (damaged || deleted)
		return j.continueLog(saved, last, lost)
	}
	if last.Epoch == "" {
		return j.createLog()
	}
	return j.distrustLog(last)
}

// isDeleted reports whether the journal does not exist, although no process was killed while it rotated it.
func (j *journal) isDeleted() bool {
	_, err := j.fs.Stat(j.path(journalName))
	next := j.fs.Remove(j.path(nextName))
	return isMissing(err) && isMissing(next)
}

// createLog reserves the sequence numbers of a new log.
func (j *journal) createLog() (next schema.Position, err error) {
	if err := durable.SyncParents(j.fs, j.dir); err != nil {
		return next, fmt.Errorf("create state directory: %w", err)
	}
	j.created, j.discard = true, j.opts.Provisional
	return j.reserve(checkpoint{Next: schema.Position{Epoch: NewEpoch(), Seq: 1}})
}

// continueLog reserves sequence numbers that were never assigned. Last is the newest position in the journal. Lost says
// that records after it may be lost.
func (j *journal) continueLog(saved checkpoint, last schema.Position, lost bool) (next schema.Position, err error) {
	counted := saved.Counted
	next = saved.next(last, lost)
	if lost {
		j.logger.Warn("newest events may be missing from the journal, resuming clients get a gap notice",
			"until", last, "next", next)
	}
	if lost || !saved.Open && saved.Counted == 0 && next.Seq > earlierSkip {
		counted = next.Seq
	}
	if saved.Unwritten {
		j.distrustCache()
	}
	return j.reserve(checkpoint{Next: next, Counted: counted, Unwritten: saved.Unwritten})
}

// distrustCache makes the first repair write all segments to new files: if a sync had failed before the process was
// killed, they are in the page cache, but may never be written to disk.
func (j *journal) distrustCache() {
	j.writeErr = errors.New("a write or a sync had failed before the restart")
	for _, s := range j.segments() {
		s.unsafe = true
	}
}

// distrustLog begins a new epoch, because without a checkpoint of the journal's epoch the assigned sequence numbers are
// unknown. The records get the same numbers in the new epoch.
func (j *journal) distrustLog(last schema.Position) (next schema.Position, err error) {
	next = schema.Position{Epoch: NewEpoch(), Seq: last.Seq + 1}
	j.logger.Warn("journal has no checkpoint, starting a new epoch, resuming clients get a gap notice",
		"epoch", next.Epoch)
	if err := j.relabel(next.Epoch); err != nil {
		return next, fmt.Errorf("start a new epoch: %w", err)
	}
	return j.reserve(checkpoint{Next: next, Counted: next.Seq})
}

// reserve makes c durable, with reserved numbers from c.Next on. It returns c.Next.
func (j *journal) reserve(c checkpoint) (schema.Position, error) {
	c.Open, c.Provisional = true, j.discard
	c.Reserved = c.Next.Seq + reservedSeqs - 1
	c.Boot, c.Mount = j.incarnation.Boot, j.incarnation.Mount
	j.counted = c.Counted
	if err := j.setCheckpoint(c); err != nil {
		return c.Next, fmt.Errorf("%w; free disk space, or set --state-dir to another directory", err)
	}
	return c.Next, nil
}

// NewEpoch returns a new epoch: eight random letters and digits, so that no two logs have the same one.
func NewEpoch() string { return strings.ToLower(rand.Text()[:8]) }

// path returns the path of a file in the state directory.
func (j *journal) path(name string) string { return filepath.Join(j.dir, name) }

// err returns why the last write failed, or why lost files could not be re-created, or nil.
func (j *journal) err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.writeErr != nil {
		return j.writeErr
	}
	return j.state.Problem
}

// close writes and syncs the buffered records, writes a checkpoint with the position of the next record, and
// releases the lock. It deletes a provisional log. If the journal does not hold all records, the checkpoint stays.
func (j *journal) close(next schema.Position) error {
	j.sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	err := j.writeErr
	if err == nil && j.state.Problem == nil && !j.discard {
		err = j.setCheckpoint(checkpoint{Next: next, Counted: j.counted})
	}
	err = errors.Join(err, j.current.closeFile())
	if j.previous != nil {
		err = errors.Join(err, j.previous.closeFile())
	}
	if j.discard && j.state.Problem == nil {
		j.deleteTraces()
	}
	return errors.Join(err, j.unlock())
}
