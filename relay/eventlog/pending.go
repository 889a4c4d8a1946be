package eventlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	maxUnwritten = 16 << 20 // bytes of lines kept for a journal that cannot be written
	complainEach = time.Minute
)

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
