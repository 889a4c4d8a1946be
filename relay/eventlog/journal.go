package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	journalName  = "journal.ndjson"
	formerName   = "journal.1.ndjson" // the one before, kept until the next rotation
	lockName     = "lock"
	maxUnwritten = 16 << 20 // bytes of lines kept for a journal that cannot be written
	complainEach = time.Minute
)

// journal is the history on disk: a text file that only grows, and is renamed and begun anew when it is full, so
// that between one and two times the history's bound is kept.
type journal struct {
	dir    string
	opts   Options
	logger *slog.Logger
	lock   *flock.Flock

	mu         sync.Mutex
	file       *os.File   // guarded by mu
	former     []*os.File // rotated away, not yet synced and closed; guarded by mu
	size       int64      // of the whole lines in file; guarded by mu
	lines      int        // in file; guarded by mu
	unsynced   bool       // file was written after the last sync began; guarded by mu
	unwritten  []byte     // lines that could not be written yet; guarded by mu
	lost       int        // records that no longer fitted into unwritten; guarded by mu
	failure    error      // why the last write failed; guarded by mu
	complained time.Time  // when failure was logged last; guarded by mu
	buf        []byte     // guarded by mu
}

// openJournal opens the journal in dir for this process alone and returns the records that it holds.
func openJournal(dir string, opts Options) (*journal, []*Record, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the state folder: %w (give another with --state-dir)", err)
	}
	j := &journal{dir: dir, opts: opts, logger: opts.Logger.With("journal", filepath.Join(dir, journalName))}
	if err := j.takeLock(); err != nil {
		return nil, nil, err
	}
	recs, err := j.load()
	if err != nil {
		return nil, nil, errors.Join(err, j.lock.Unlock())
	}
	return j, recs, nil
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

// load reads what former runs left, cuts a line off that was not finished, and opens the journal for more.
func (j *journal) load() ([]*Record, error) {
	former, _, err := j.read(formerName)
	if err != nil {
		return nil, err
	}
	recs, end, err := j.read(journalName)
	if err != nil {
		return nil, err
	}
	j.lines, j.size = len(recs), int64(end)
	if err := j.reopen(); err != nil {
		return nil, err
	}
	recs = append(former, recs...)
	return recs[max(0, len(recs)-j.opts.Records):], nil
}

// read returns the records in one of the files, which need not exist, and where its last whole line ends.
func (j *journal) read(name string) (recs []*Record, end int, err error) {
	content, err := os.ReadFile(filepath.Join(j.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("read the journal: %w", err)
	}
	recs, end, damaged := parseLines(content)
	if damaged > 0 || end < len(content) {
		j.logger.Warn("the journal is damaged; what is whole is kept", "file", name,
			"kept", len(recs), "damaged_lines", damaged, "unfinished_bytes", len(content)-end)
	}
	return recs, end, nil
}

// reopen opens the file for appending at size, and cuts off what is beyond.
func (j *journal) reopen() error {
	if j.file != nil {
		j.file.Close()
	}
	file, err := os.OpenFile(filepath.Join(j.dir, journalName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		j.file = nil
		return fmt.Errorf("open the journal: %w (give another folder with --state-dir)", err)
	}
	j.file = file
	if err := file.Truncate(j.size); err != nil {
		return fmt.Errorf("cut the journal back to its last whole line: %w", err)
	}
	return nil
}

// append writes recs with one write(2), after what could not be written before.
func (j *journal) append(recs []*Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.buf = append(j.buf[:0], j.unwritten...)
	for _, rec := range recs {
		j.buf = appendLine(j.buf, rec)
	}
	j.write(j.buf, len(recs))
	if cap(j.buf) > 1<<20 {
		j.buf = nil // a large event must not hold memory for ever
	}
}

// write writes lines, of which added are not counted yet. On failure it keeps them and cuts off what got written
// of them; j.mu is held.
func (j *journal) write(lines []byte, added int) {
	if err := j.tryWrite(lines); err != nil {
		j.fail(err, lines, added)
		return
	}
	if j.failure != nil {
		j.logger.Info("the journal can be written again", "records_lost", j.lost)
	}
	j.failure, j.unwritten, j.lost = nil, nil, 0
	j.size += int64(len(lines))
	j.lines += added
	j.unsynced = true
}

func (j *journal) tryWrite(lines []byte) error {
	if j.file == nil || j.failure != nil {
		if err := j.reopen(); err != nil {
			return err
		}
	}
	if j.lines > 0 && (j.lines >= j.opts.Records || j.size+int64(len(lines)) > int64(j.opts.Bytes)) {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	_, err := j.file.Write(lines)
	return err
}

// rotate begins a new file; the one before the former is dropped.
func (j *journal) rotate() error {
	if err := os.Rename(filepath.Join(j.dir, journalName), filepath.Join(j.dir, formerName)); err != nil {
		return err
	}
	j.former = append(j.former, j.file)
	j.file, j.size, j.lines = nil, 0, 0
	return j.reopen()
}

// fail keeps lines for the next try, and complains.
func (j *journal) fail(err error, lines []byte, added int) {
	if len(lines) <= maxUnwritten {
		j.unwritten = append([]byte(nil), lines...)
		j.lines += added
	} else {
		j.lost += added
	}
	if j.failure == nil || time.Since(j.complained) > complainEach {
		j.complained = time.Now()
		j.logger.Error("THE JOURNAL CANNOT BE WRITTEN: clients still get every event, but after a restart they may get these again or miss them; free space on the disk or mend the folder's permissions",
			"error", err, "unwritten_bytes", len(j.unwritten), "records_lost", j.lost)
	}
	j.failure = err
}

// sync retries what could not be written, and flushes what was.
func (j *journal) sync() {
	j.mu.Lock()
	if j.failure != nil {
		j.write(j.unwritten, 0)
	}
	file, former, unsynced := j.file, j.former, j.unsynced
	j.former, j.unsynced = nil, false
	j.mu.Unlock()
	// Without the lock: a slow disk must not hold up append.
	var err error
	for _, f := range former {
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if unsynced && file != nil {
		err = errors.Join(err, file.Sync())
	}
	if err != nil && !errors.Is(err, os.ErrClosed) { // closed: reopened after a failure, and unsynced again
		j.logger.Error("the journal cannot be written through to the disk", "error", err)
	}
}

func (j *journal) err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failure
}

func (j *journal) close() error {
	j.sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.failure
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
		j.file = nil
	}
	return errors.Join(err, j.lock.Unlock())
}
