package eventlog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"wpre-relay/schema"

	"github.com/gofrs/flock"
)

const (
	journalName = "journal.ndjson"
	formerName  = "journal.1.ndjson" // the one before, kept until the next rotation
	lockName    = "lock"
)

// journal is the history on disk: a text file that only grows, and is renamed and begun anew when it is full, so
// that between one and two times the history's bound is on the disk.
type journal struct {
	dir    string
	opts   Options
	logger *slog.Logger
	lock   *flock.Flock
	made   bool // there was nothing in dir

	mu         sync.Mutex // held while the disk is written
	marker     marker     // as on the disk; guarded by mu
	pending    pending    // guarded by mu
	full       []*segment // rotated away and not yet synced; guarded by mu
	dropped    []*segment // to be closed; guarded by mu
	unsynced   bool       // current was written after the last sync began; guarded by mu
	lost       int        // records that no longer fitted into pending; guarded by mu
	failure    error      // why the last write failed; guarded by mu
	complained time.Time  // when failure was logged last; guarded by mu

	blocks blocks // read last

	// Held for moments only, never while the disk is waited for; to change the segments one needs mu as well.
	placing sync.Mutex
	current *segment // guarded by placing
	former  *segment // nil if there is none; guarded by placing
}

// openJournal opens the journal in dir for this process alone. It returns the position of the record to come.
func openJournal(dir string, opts Options) (j *journal, next schema.Position, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, next, fmt.Errorf("make the state folder: %w (give another with --state-dir)", err)
	}
	j = &journal{dir: dir, opts: opts, logger: opts.Logger.With("journal", filepath.Join(dir, journalName))}
	if err := j.takeLock(); err != nil {
		return nil, next, err
	}
	next, err = j.load()
	if err != nil {
		return nil, next, errors.Join(err, j.lock.Unlock())
	}
	return j, next, nil
}

// takeLock keeps a second relay out. The lock goes with the process, however that ends.
func (j *journal) takeLock() error {
	path := filepath.Join(j.dir, lockName)
	j.lock = flock.New(path, flock.SetPermissions(0o600))
	ok, err := j.lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock the state folder: %w (give another with --state-dir)", err)
	}
	if !ok {
		pid, _ := os.ReadFile(path)
		return fmt.Errorf("the state folder %s is in use by another wpre-relay (PID %s): stop that one, or give this one another folder with --state-dir",
			j.dir, strings.TrimSpace(string(pid)))
	}
	if err := os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		j.logger.Debug("the lock file does not tell who holds it", "error", err)
	}
	return nil
}

// load indexes what former runs left, cuts a line off that was not finished, and opens the journal for more.
func (j *journal) load() (next schema.Position, err error) {
	noted, err := readMarker(j.dir)
	if err != nil {
		return next, fmt.Errorf("read the state: %w", err)
	}
	former, last, _, err := j.open(formerName, os.O_RDONLY, schema.Position{})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return next, err
	}
	epoch := last.Epoch
	current, last, found, err := j.open(journalName, os.O_RDWR|os.O_CREATE|os.O_APPEND, last)
	if err != nil {
		return next, err
	}
	if former != nil && epoch != last.Epoch {
		former.lines = nil
	}
	j.current, j.former = current, former
	if err := current.file.Truncate(current.size); err != nil {
		return next, fmt.Errorf("cut the journal back to its last whole line: %w", err)
	}
	return j.number(noted, last, found.last), nil
}

// number returns the position of the record to come, which was not given to any other, and notes it.
func (j *journal) number(noted marker, last schema.Position, damaged bool) (next schema.Position) {
	next = schema.Position{Epoch: last.Epoch, Seq: last.Seq + 1}
	if noted.Next.Epoch != "" && (next.Epoch == "" || next.Epoch == noted.Next.Epoch) {
		next = schema.Position{Epoch: noted.Next.Epoch, Seq: max(next.Seq, noted.Next.Seq)}
	}
	switch {
	case next.Epoch == "":
		j.made = true
		next.Epoch = NewEpoch()
	case damaged || noted.unsure():
		next.Seq += skipped
		j.logger.Warn("what was sent last may not be in the journal; numbers are passed over, and clients that resume are told of a gap",
			"until", last, "next", next)
	}
	j.mark(marker{Next: next, Boot: bootID()})
	return next
}

// NewEpoch returns an epoch that no other history has: eight random letters and digits.
func NewEpoch() string { return strings.ToLower(rand.Text()[:8]) }

// open opens and indexes one of the files, whose records come after a position. It returns the last one's.
func (j *journal) open(name string, flags int, after schema.Position) (s *segment, last schema.Position, found damage, err error) {
	file, err := os.OpenFile(filepath.Join(j.dir, name), flags, 0o600)
	if err != nil {
		return nil, after, found, fmt.Errorf("open the journal: %w (give another folder with --state-dir)", err)
	}
	s = &segment{name: name, file: file}
	epoch, found, err := s.index(file, after)
	if err != nil {
		return nil, after, found, errors.Join(fmt.Errorf("read the journal: %w", err), file.Close())
	}
	last = schema.Position{Epoch: epoch, Seq: after.Seq}
	if n := len(s.lines); n > 0 {
		last.Seq = s.lines[n-1].seq
	}
	if found.lines > 0 || found.tail > 0 {
		j.logger.Warn("the journal is damaged; what is whole is kept", "file", name, "kept", len(s.lines), "until", last,
			"damaged_lines", found.lines, "damaged_bytes", found.bytes, "first_damaged_line", found.first, "unfinished_bytes", found.tail)
	}
	return s, last, found, nil
}

// mark notes m beside the journal. If that cannot be written, then the journal as a rule cannot either, which is
// complained of.
func (j *journal) mark(m marker) {
	if m == j.marker {
		return
	}
	if err := m.write(j.dir); err != nil {
		j.logger.Debug("the state cannot be noted", "error", err)
		return
	}
	j.marker = m
}

// new reports whether there was nothing in the folder.
func (j *journal) new() bool { return j.made }

func (j *journal) folder() string { return j.dir }

func (j *journal) err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failure
}

// close writes what there is to write, and notes that next is the position of the record to come.
func (j *journal) close(next schema.Position) error {
	j.sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.failure
	if err == nil {
		j.mark(marker{Next: next}) // the system may go down now
	}
	err = errors.Join(err, j.current.closeFile())
	if j.former != nil {
		err = errors.Join(err, j.former.closeFile())
	}
	return errors.Join(err, j.lock.Unlock())
}
