package eventlog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"wpre-relay/schema"

	"github.com/gofrs/flock"
)

const (
	journalName  = "journal.ndjson"
	previousName = "journal.1.ndjson" // the segment before, kept until the next rotation
	lockName     = "lock"
)

// journal is the log on disk: an append-only text file, the current segment. A full segment is renamed, and
// replaces the previous one. The disk therefore holds one to two times Options.Records, once there are that many.
type journal struct {
	dir     string
	opts    Options
	logger  *slog.Logger
	lock    *flock.Flock    // of the file lockName; KeepSynced may replace it
	dirLock *flock.Flock    // of the directory, where the system has such locks; it outlives a deleted lock file
	created bool            // dir held no log before
	opened  schema.Position // of the first record that this process appends
	before  traces

	mu         sync.Mutex  // held during writes to the disk
	discard    bool        // the log is provisional: close deletes it; guarded by mu
	checkpoint checkpoint  // the content on disk; guarded by mu
	buffer     writeBuffer // guarded by mu
	rotated    []*segment  // renamed and not yet synced; guarded by mu
	deleted    []*segment  // removed from dir and not yet closed; guarded by mu
	dirty      bool        // current was written since the last sync started; guarded by mu
	lost       int         // number of records that did not fit into buffer; guarded by mu
	writeErr   error       // why the last write failed; guarded by mu
	loggedAt   time.Time   // when writeErr was last logged; guarded by mu
	state      StateStatus // guarded by mu
	closed     bool        // guarded by mu

	unstable bool // files seem replaced although they are not; used by KeepSynced only

	cache blockCache

	segmentsMu sync.Mutex // held for moments only, never during disk I/O; a writer of the segments also holds mu
	current    *segment   // guarded by segmentsMu
	previous   *segment   // nil if there is none; guarded by segmentsMu
}

// openJournal opens the journal in dir and locks it for this process. It returns the position of the next record.
func openJournal(dir string, opts Options) (j *journal, next schema.Position, err error) {
	j = &journal{dir: dir, opts: opts, logger: opts.Logger.With("journal", filepath.Join(dir, journalName))}
	j.before = findTraces(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, next, fmt.Errorf("create state directory: %w; set --state-dir to a writable directory", err)
	}
	if err := j.acquireLock(); err != nil {
		return nil, next, errors.Join(err, j.unlock())
	}
	next, err = j.load()
	if err != nil {
		return nil, next, errors.Join(err, j.unlock())
	}
	return j, next, nil
}

// load indexes the segments of former runs, truncates an unfinished line at the end, and opens the journal for
// appending.
func (j *journal) load() (next schema.Position, err error) {
	saved, err := readCheckpoint(j.dir)
	if err != nil {
		return next, fmt.Errorf("read checkpoint: %w", err)
	}
	if saved.Provisional {
		if err := j.deleteLog(); err != nil {
			return next, fmt.Errorf("discard log of a failed start: %w", err)
		}
		saved = checkpoint{}
	}
	previous, last, _, err := j.openSegment(previousName, os.O_RDONLY, schema.Position{}, math.MinInt64)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return next, err
	}
	epoch, latest := last.Epoch, int64(math.MinInt64)
	if previous != nil {
		latest = previous.latest
	}
	current, last, found, err := j.openSegment(journalName, os.O_RDWR|os.O_CREATE|os.O_APPEND, last, latest)
	if err != nil {
		return next, err
	}
	if previous != nil && epoch != last.Epoch {
		previous.index = nil
	}
	j.current, j.previous = current, previous
	if err := current.file.Truncate(current.size); err != nil {
		return next, fmt.Errorf("truncate journal to its last complete line: %w", err)
	}
	return j.firstPosition(saved, last, found.atEnd), nil
}

// firstPosition returns a position for the next record that was never assigned before, and writes a checkpoint with
// it. Last is the newest position in the journal. Damaged says that damaged lines follow it.
func (j *journal) firstPosition(saved checkpoint, last schema.Position, damaged bool) (next schema.Position) {
	next = schema.Position{Epoch: last.Epoch, Seq: last.Seq + 1}
	if saved.Next.Epoch != "" && (next.Epoch == "" || next.Epoch == saved.Next.Epoch) {
		next = schema.Position{Epoch: saved.Next.Epoch, Seq: max(next.Seq, saved.Next.Seq)}
	}
	switch {
	case next.Epoch == "":
		j.created, j.discard = true, j.opts.Provisional
		next.Epoch = NewEpoch()
	case damaged || saved.uncertain():
		next.Seq += skippedSeqs
		j.logger.Warn("newest events may be missing from the journal, resuming clients get a gap notice",
			"until", last, "next", next)
	}
	j.opened = next
	j.writeCheckpoint(checkpoint{Next: next, Boot: bootID(), Provisional: j.discard})
	return next
}

// NewEpoch returns a new epoch: eight random letters and digits, so that no two logs have the same one.
func NewEpoch() string { return strings.ToLower(rand.Text()[:8]) }

// openSegment opens and indexes a segment whose records follow a position and are at least as young as latest. It
// returns the last record's position.
func (j *journal) openSegment(name string, flags int, after schema.Position, latest int64) (
	s *segment, last schema.Position, found damage, err error,
) {
	file, err := os.OpenFile(filepath.Join(j.dir, name), flags, 0o600)
	if err != nil {
		return nil, after, found, fmt.Errorf("open journal: %w; set --state-dir to another directory", err)
	}
	s = &segment{name: name, file: file, latest: latest}
	last, found, err = s.scan(file, after)
	if err != nil {
		return nil, after, found, errors.Join(fmt.Errorf("read journal: %w", err), file.Close())
	}
	if found.lines > 0 || found.partialBytes > 0 {
		j.logger.Warn("journal is damaged, keeping undamaged records", "file", name, "kept", len(s.index),
			"until", last, "damaged_lines", found.lines, "damaged_bytes", found.bytes,
			"first_damaged_line", found.firstLine, "unfinished_bytes", found.partialBytes)
	}
	return s, last, found, nil
}

// writeCheckpoint writes c if it differs from the checkpoint on disk. It logs a failure at debug level only,
// because the journal usually fails for the same reason and reports it. It does not write into a directory that
// another relay may use.
func (j *journal) writeCheckpoint(c checkpoint) {
	if c == j.checkpoint || j.state.Problem != nil {
		return
	}
	if err := c.write(j.dir); err != nil {
		j.logger.Debug("checkpoint not written", "error", err)
		return
	}
	j.checkpoint = c
}

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
// releases the lock. It deletes a provisional log.
func (j *journal) close(next schema.Position) error {
	j.sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	err := j.writeErr
	if err == nil && !j.discard {
		j.writeCheckpoint(checkpoint{Next: next}) // without Boot, since the system may go down now
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
