package eventlog

import (
	"errors"
	"fmt"
	"os"
	"time"

	"wpre-relay/relay/durable"
)

const (
	// maxBuffered bounds the lines that are kept in memory, in bytes, while the journal cannot be written.
	maxBuffered = 16 << 20

	// maxIdleBuffer is the largest buffer that is kept after a write, in bytes, so that one large event does not
	// occupy memory for ever.
	maxIdleBuffer = 1 << 20

	// writeErrorInterval is the minimum time between two log messages about failed writes.
	writeErrorInterval = time.Minute
)

// writeBuffer holds the lines to write next: lines whose write failed, followed by lines of new records.
type writeBuffer struct {
	text  []byte
	index []indexEntry // of the lines in text
}

// add appends the line of rec.
func (b *writeBuffer) add(rec *Record) {
	b.text = rec.line().Append(b.text)
	b.index = append(b.index, indexEntry{rec.Position.Seq, rec.Time.UnixMicro(), int64(len(b.text))})
}

// truncate removes all lines after the first n.
func (b *writeBuffer) truncate(n int) {
	end := int64(0)
	if n > 0 {
		end = b.index[n-1].end
	}
	b.text, b.index = b.text[:end], b.index[:n]
	if n == 0 && cap(b.text) > maxIdleBuffer {
		b.text = nil
	}
}

// append writes recs and the buffered lines with one write(2). If that fails, it buffers recs up to maxBuffered.
func (j *journal) append(recs []*Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	before := len(j.buffer.index)
	for _, rec := range recs {
		j.buffer.add(rec)
		j.assigned = rec.Position.Seq
	}
	j.write()
	if len(j.buffer.text) > maxBuffered {
		j.lost += len(recs)
		j.buffer.truncate(before)
	}
}

// write writes the buffer to the current segment and empties it. If that fails, it keeps the buffer. The caller
// holds j.mu.
func (j *journal) write() {
	if err := j.tryWrite(j.buffer.text); err != nil {
		j.writeFailed(err)
		return
	}
	j.segmentsMu.Lock()
	j.current.add(j.buffer.index)
	j.segmentsMu.Unlock()
	j.buffer.truncate(0)
	if n := len(j.unsynced); n == 0 || j.unsynced[n-1] != j.current {
		j.unsynced = append(j.unsynced, j.current)
	}
	if j.writeErr != nil {
		j.logger.Info("journal write recovered", "records_lost", j.lost)
		j.writeErr, j.lost = nil, 0
		j.updateCheckpoint(func(c *checkpoint) { c.Unwritten = false })
	}
}

// tryWrite appends text to the current segment. It starts a new segment if the current one is full. It writes nothing
// into a directory that another relay may use, nor behind content that may be lost.
func (j *journal) tryWrite(text []byte) error {
	switch {
	case j.state.Problem != nil:
		return j.state.Problem
	case j.unsafe():
		return j.writeErr
	}
	if j.writeErr != nil {
		if err := j.reopen(); err != nil {
			return err
		}
	}
	s := j.current
	if n := len(s.index); n > 0 && (n >= j.opts.Records || s.size+int64(len(text)) > int64(j.opts.Bytes)) {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	_, err := j.current.file.Write(text)
	return err
}

// reopen opens the current segment after a failed write, whatever happened to its file, and truncates lines that were
// written in part.
func (j *journal) reopen() error {
	s := j.current
	file, err := j.openCurrent()
	if err != nil {
		return fmt.Errorf("open journal: %w; set --state-dir to another directory", err)
	}
	if info, err := file.Stat(); err == nil && info.Size() < s.size { // another program truncated or removed the file
		j.segmentsMu.Lock()
		s.index, s.size, s.synced = nil, info.Size(), 0
		j.segmentsMu.Unlock()
	}
	if err := file.Truncate(s.size); err != nil {
		return errors.Join(fmt.Errorf("truncate journal to its last complete line: %w", err), file.Close())
	}
	s.fileMu.Lock()
	defer s.fileMu.Unlock()
	if s.file != nil {
		s.file.Close() // its error repeats that of the failed write
	}
	s.file = file
	return nil
}

// rotate renames the current segment, which replaces the previous one, and starts a new segment. The new file has
// another name until then, so that a kill in between does not look like a deleted journal.
func (j *journal) rotate() error {
	file, err := j.fs.OpenFile(j.path(nextName), os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	j.dirDirty = true
	if err := j.fs.Rename(j.path(journalName), j.path(previousName)); err != nil {
		return errors.Join(err, file.Close())
	}
	j.segmentsMu.Lock()
	if j.previous != nil {
		j.deleted = append(j.deleted, j.previous)
	}
	j.current.name = previousName
	j.previous, j.current = j.current, &segment{name: journalName, file: file, latest: j.current.latest}
	j.segmentsMu.Unlock()
	return j.fs.Rename(j.path(nextName), j.path(journalName))
}

// openCurrent opens the file of the current segment, or creates it.
func (j *journal) openCurrent() (durable.File, error) {
	j.dirDirty = true
	return j.fs.OpenFile(j.path(journalName), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
}

// writeFailed records why the buffer could not be written, and logs it once per writeErrorInterval.
func (j *journal) writeFailed(err error) {
	if j.writeErr == nil || time.Since(j.loggedAt) > writeErrorInterval {
		j.loggedAt = time.Now()
		j.logger.Error("journal write failed, clients may miss or repeat events after a restart; "+
			"free disk space or fix the permissions of the state directory",
			"error", err, "unwritten_bytes", len(j.buffer.text), "records_lost", j.lost)
	}
	first := j.writeErr == nil
	j.writeErr = err
	if first { // later, sync tries again
		j.updateCheckpoint(func(c *checkpoint) { c.Unwritten = true })
	}
}
