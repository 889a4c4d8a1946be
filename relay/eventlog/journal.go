package eventlog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"wpre-relay/schema"

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

// pending is what is to be written next: mostly what comes in, and what could not be written before.
type pending struct {
	text  []byte
	lines []place // in text
}

func (p *pending) add(rec *Record) {
	p.text = rec.line().Append(p.text)
	p.lines = append(p.lines, place{rec.Position.Seq, rec.Time.UnixMicro(), int64(len(p.text))})
}

// cut drops what was added after the first n lines.
func (p *pending) cut(n int) {
	end := int64(0)
	if n > 0 {
		end = p.lines[n-1].end
	}
	p.text, p.lines = p.text[:end], p.lines[:n]
	if n == 0 && cap(p.text) > 1<<20 {
		p.text = nil // a large event must not hold memory for ever
	}
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

// append writes recs with one write(2), after what could not be written before.
func (j *journal) append(recs []*Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	before := len(j.pending.lines)
	for _, rec := range recs {
		j.pending.add(rec)
	}
	j.write()
	if len(j.pending.text) > maxUnwritten {
		j.lost += len(recs)
		j.pending.cut(before)
	}
}

// write writes what is pending. On failure that stays so; j.mu is held.
func (j *journal) write() {
	if err := j.tryWrite(j.pending.text); err != nil {
		j.fail(err)
		return
	}
	j.placing.Lock()
	j.current.add(j.pending.lines)
	j.placing.Unlock()
	j.pending.cut(0)
	j.unsynced = true
	if j.failure != nil {
		j.logger.Info("the journal can be written again", "records_lost", j.lost)
		j.failure, j.lost = nil, 0
		j.mark(marker{Next: j.marker.Next, Boot: j.marker.Boot})
	}
}

func (j *journal) tryWrite(text []byte) error {
	if j.failure != nil {
		if err := j.reopen(); err != nil {
			return err
		}
	}
	s := j.current
	if len(s.lines) > 0 && (len(s.lines) >= j.opts.Records || s.size+int64(len(text)) > int64(j.opts.Bytes)) {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	_, err := j.current.file.Write(text)
	return err
}

// reopen opens the file anew, whatever became of it, and cuts off what got written of lines that failed.
func (j *journal) reopen() error {
	s := j.current
	file, err := os.OpenFile(filepath.Join(j.dir, journalName), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the journal: %w (give another folder with --state-dir)", err)
	}
	if info, err := file.Stat(); err == nil && info.Size() < s.size { // somebody cut or removed it
		j.placing.Lock()
		s.lines, s.size = nil, info.Size()
		j.placing.Unlock()
	}
	if err := file.Truncate(s.size); err != nil {
		return errors.Join(fmt.Errorf("cut the journal back to its last whole line: %w", err), file.Close())
	}
	s.using.Lock()
	defer s.using.Unlock()
	s.file.Close() // what it says of a failed write is known
	s.file = file
	return nil
}

// rotate begins a new file; the one before the former is dropped.
func (j *journal) rotate() error {
	if err := os.Rename(filepath.Join(j.dir, journalName), filepath.Join(j.dir, formerName)); err != nil {
		return err
	}
	j.placing.Lock()
	if j.former != nil {
		j.dropped = append(j.dropped, j.former)
	}
	j.full = append(j.full, j.current)
	j.former, j.current = j.current, &segment{name: journalName}
	j.placing.Unlock()
	file, err := os.OpenFile(filepath.Join(j.dir, journalName), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	j.current.file = file
	return err
}

// fail notes and complains that what is pending cannot be written.
func (j *journal) fail(err error) {
	if j.failure == nil || time.Since(j.complained) > complainEach {
		j.complained = time.Now()
		j.logger.Error("THE JOURNAL CANNOT BE WRITTEN: clients still get every event, but after a restart they may get these again or miss them; free space on the disk or mend the folder's permissions",
			"error", err, "unwritten_bytes", len(j.pending.text), "records_lost", j.lost)
	}
	j.failure = err
	j.mark(marker{Next: j.marker.Next, Boot: j.marker.Boot, Unwritten: true})
}

// sync retries what could not be written, flushes what was, and lets go of what is too old.
func (j *journal) sync() {
	j.mu.Lock()
	if j.failure != nil {
		j.write()
	} else {
		j.expire()
	}
	current, full, dropped, unsynced := j.current, j.full, j.dropped, j.unsynced
	j.full, j.dropped, j.unsynced = nil, nil, false
	j.mu.Unlock()
	// Without the lock: a slow disk must not hold up append.
	var err error
	for _, s := range full {
		err = errors.Join(err, s.sync())
	}
	for _, s := range dropped {
		err = errors.Join(err, s.closeFile())
	}
	if unsynced {
		err = errors.Join(err, current.sync())
	}
	if err != nil {
		j.logger.Error("the journal cannot be written through to the disk", "error", err)
	}
}

// expire takes from the disk what is beyond the history's age, a file at a time: so for up to twice that age it may
// still be there. The newest record stays, since that tells what was sent last; j.mu is held.
func (j *journal) expire() {
	if j.opts.Age <= 0 {
		return
	}
	limit := time.Now().Add(-j.opts.Age)
	if s := j.former; s != nil && s.expired(limit) == len(s.lines) && len(j.current.lines) > 0 {
		if err := os.Remove(filepath.Join(j.dir, formerName)); err != nil {
			j.logger.Error("what is too old cannot be removed", "error", err)
			return
		}
		j.placing.Lock()
		j.former, j.dropped = nil, append(j.dropped, s)
		j.placing.Unlock()
	}
	s := j.current
	n := len(s.lines)
	if j.former != nil || n < 2 || s.expired(limit) == 0 {
		return
	}
	newest, err := s.read(s.start(n-1), s.lines[n-1].end)
	if err == nil && len(newest) == 0 {
		err = schema.ErrDamaged
	}
	if err == nil {
		err = j.rotate()
	}
	if err != nil {
		j.logger.Error("what is too old cannot be removed", "error", err)
		return
	}
	j.placing.Lock()
	s.lines = s.lines[:n-1]
	j.placing.Unlock()
	j.pending.add(newest[0])
	j.write()
}

// find returns where the first record is that is kept, was not written before limit and has a number beyond seq; s is
// nil if there is none. j.placing is held.
func (j *journal) find(seq uint64, limit time.Time) (s *segment, i int) {
	surplus := j.count() - j.opts.Records
	for _, s := range j.segments() {
		if i := max(s.after(seq), s.expired(limit), surplus); i < len(s.lines) {
			return s, i
		}
		surplus -= len(s.lines)
	}
	return nil, 0
}

// segments returns the files, the older one first; j.placing is held.
func (j *journal) segments() []*segment {
	if j.former == nil {
		return []*segment{j.current}
	}
	return []*segment{j.former, j.current}
}

// has reports whether s is one of the files still.
func (j *journal) has(s *segment) bool {
	j.placing.Lock()
	defer j.placing.Unlock()
	return slices.Contains(j.segments(), s)
}

// count returns how many records are on the disk; j.placing is held.
func (j *journal) count() (n int) {
	for _, s := range j.segments() {
		n += len(s.lines)
	}
	return n
}

// first returns the number of the first record that is kept, was not written before limit and is beyond seq; ok is
// false if there is none.
func (j *journal) first(seq uint64, limit time.Time) (n uint64, ok bool) {
	j.placing.Lock()
	defer j.placing.Unlock()
	s, i := j.find(seq, limit)
	if s == nil {
		return 0, false
	}
	return s.lines[i].seq, true
}

// newest returns the number of the oldest of the newest n records; ok is false if there are not as many.
func (j *journal) newest(n int) (seq uint64, ok bool) {
	j.placing.Lock()
	defer j.placing.Unlock()
	i := j.count() - n
	if i < 0 || n < 1 {
		return 0, false
	}
	for _, s := range j.segments() {
		if i < len(s.lines) {
			return s.lines[i].seq, true
		}
		i -= len(s.lines)
	}
	return 0, false
}

// read appends to recs a few records that find would find after number seq, in order; none only if there are none.
func (j *journal) read(recs []*Record, seq uint64, limit time.Time) ([]*Record, error) {
	for {
		j.placing.Lock()
		s, i := j.find(seq, limit)
		if s == nil {
			j.placing.Unlock()
			return recs, nil
		}
		first := s.lines[i].seq
		block, last := s.block(i)
		j.placing.Unlock()
		inBlock, err := j.blocks.read(block)
		if errors.Is(err, os.ErrClosed) && !j.has(s) {
			continue // it has just been dropped
		}
		if err != nil {
			return recs, err
		}
		had := len(recs)
		for _, rec := range inBlock {
			if rec.Position.Seq >= first {
				recs = append(recs, rec)
			}
		}
		if len(recs) > had {
			return recs, nil
		}
		seq = last // all of it is damaged by now
	}
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
