package eventlog

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sort"
)

// unsafe reports whether a segment has content that a failed sync may have dropped. The caller holds j.mu.
func (j *journal) unsafe() bool {
	return j.current.unsafe || j.previous != nil && j.previous.unsafe
}

// unsafeSegments returns the segments that must be repaired.
func (j *journal) unsafeSegments() (all []*segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || j.state.Problem != nil {
		return nil
	}
	for _, s := range j.segments() {
		if s.unsafe {
			all = append(all, s)
		}
	}
	return all
}

// repair writes the segments whose sync has failed to new files. After a failed sync, the kernel may drop the pages
// that it could not write, and report no error for them again. Recent holds every record that the journal holds, as far
// as memory has it. Nothing is appended to these segments meanwhile.
func (j *journal) repair(unsafe []*segment, recent []*Record) {
	for _, s := range unsafe {
		next, err := j.recreate(s, recent)
		if err == nil {
			err = next.sync() // without mu, because a slow disk must not delay append
		}
		j.mu.Lock()
		if err == nil {
			err = j.install(s, next)
		}
		if err == nil {
			next.synced = next.size
		} else {
			j.writeFailed(err)
		}
		j.mu.Unlock()
	}
}

// restoreSegments replaces the files of segments that were lost or truncated. The caller holds j.mu.
func (j *journal) restoreSegments(recent []*Record) error {
	for _, s := range j.segments() {
		if j.isCurrent(s.name, s.stat, s.size) {
			continue
		}
		next, err := j.recreate(s, recent)
		if err == nil {
			err = j.install(s, next)
		}
		if err != nil {
			return err
		}
		j.unsynced = append(j.unsynced, next)
	}
	return nil
}

// install makes next, which recreate has returned, the segment in place of s. The caller holds j.mu.
func (j *journal) install(s, next *segment) error {
	if err := j.fs.Rename(j.path(s.name+".tmp"), j.path(s.name)); err != nil {
		return errors.Join(err, next.closeFile())
	}
	j.dirDirty = true
	j.segmentsMu.Lock()
	defer j.segmentsMu.Unlock()
	if s == j.current {
		j.current = next
	} else {
		j.previous = next
	}
	j.deleted = append(j.deleted, s)
	return nil
}

// intact returns how many records the open file holds for certain.
func (s *segment) intact() int {
	info, err := s.stat()
	switch {
	case err != nil || info.Size() < s.size: // another program truncated it, and lines may have been appended since
		return 0
	case s.unsafe:
		return sort.Search(len(s.index), func(i int) bool { return s.index[i].end > s.synced })
	default:
		return len(s.index)
	}
}

// recreate returns a copy of a segment, whose file has the extension .tmp. The records that the file of s does not hold
// for certain come from memory, and else from the file, as far as it has them.
func (j *journal) recreate(s *segment, recent []*Record) (*segment, error) {
	n := s.intact()
	file, err := j.fs.OpenFile(j.path(s.name+".tmp"), os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	next := &segment{name: s.name, file: file, index: s.index[:n:n], size: s.start(n), latest: s.latest}
	out := bufio.NewWriter(file)
	if n > 0 {
		_, err = io.Copy(out, io.NewSectionReader(s.file, 0, next.size))
	}
	if err == nil {
		err = next.fill(out, s, n, recent)
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return next, nil
}

// fill appends the records of old from index i on.
func (s *segment) fill(out io.Writer, old *segment, i int, recent []*Record) error {
	var line writeBuffer
	for ; i < len(old.index); i++ {
		rec := old.find(i, recent)
		if rec == nil {
			continue // a later gap notice reports it
		}
		line.add(rec)
		if _, err := out.Write(line.text); err != nil {
			return err
		}
		s.add(line.index)
		line.truncate(0)
	}
	return nil
}

// find returns record i from memory, or else from the file, or nil if neither has it.
func (s *segment) find(i int, recent []*Record) *Record {
	seq := s.index[i].seq
	n := sort.Search(len(recent), func(n int) bool { return recent[n].Position.Seq >= seq })
	if n < len(recent) && recent[n].Position.Seq == seq {
		return recent[n]
	}
	recs, err := s.read(s.start(i), s.index[i].end)
	if err != nil || len(recs) == 0 || recs[0].Position.Seq != seq {
		return nil
	}
	return recs[0]
}
