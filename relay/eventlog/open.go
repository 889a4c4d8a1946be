package eventlog

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"wpre-relay/schema"
)

// openSegments indexes the segments of former runs, truncates an unfinished line at the end, and opens the journal for
// appending. It returns the position of the newest record. Damaged says that damaged lines follow it.
func (j *journal) openSegments() (last schema.Position, damaged bool, err error) {
	previous, last, _, err := j.openSegment(previousName, os.O_RDWR, schema.Position{}, math.MinInt64)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return last, false, err
	}
	epoch, latest := last.Epoch, int64(math.MinInt64)
	if previous != nil {
		latest = previous.latest
	}
	current, last, found, err := j.openSegment(journalName, os.O_RDWR|os.O_CREATE|os.O_APPEND, last, latest)
	if err != nil {
		return last, false, err
	}
	if previous != nil && epoch != last.Epoch {
		previous.index = nil
	}
	j.current, j.previous, j.dirDirty = current, previous, true
	j.unsynced = j.segments() // the process before may have been killed before it synced them
	if err := current.file.Truncate(current.size); err != nil {
		return last, false, fmt.Errorf("truncate journal to its last complete line: %w", err)
	}
	return last, found.atEnd, nil
}

// openSegment opens and indexes a segment whose records follow a position and are at least as young as latest. It
// returns the last record's position.
func (j *journal) openSegment(name string, flags int, after schema.Position, latest int64) (
	s *segment, last schema.Position, found damage, err error,
) {
	file, err := j.fs.OpenFile(j.path(name), flags, 0o600)
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

// relabel replaces both segments by one with the same records in another epoch.
func (j *journal) relabel(epoch string) error {
	temporary := j.path(journalName + ".tmp")
	file, err := j.fs.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	for _, s := range j.segments() {
		err = errors.Join(err, s.copyRecords(out, epoch), s.closeFile())
	}
	if err = errors.Join(err, out.Flush(), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := j.fs.Rename(temporary, j.path(journalName)); err != nil {
		return err
	}
	if err := j.fs.Remove(j.path(previousName)); err != nil && !isMissing(err) {
		return err
	}
	_, _, err = j.openSegments()
	return err
}

// copyRecords writes all records with another epoch.
func (s *segment) copyRecords(out *bufio.Writer, epoch string) error {
	for i := 0; i < len(s.index); {
		block, last := s.block(i)
		recs, err := s.read(block.from, block.to)
		if err != nil {
			return err
		}
		for _, rec := range recs {
			line := rec.line()
			line.Position.Epoch = epoch
			if _, err := out.Write(line.Append(nil)); err != nil {
				return err
			}
		}
		i = s.indexAfter(last)
	}
	return nil
}
