package eventlog

import (
	"errors"
	"os"
	"slices"
	"time"

	"wpre-relay/relay/fileop"
)

// find returns the segment and the index of the first retained record that is not older than cutoff and follows
// sequence number seq. It returns a nil segment if there is none. The caller holds j.segmentsMu.
func (j *journal) find(seq uint64, cutoff time.Time) (s *segment, i int) {
	surplus := j.count() - j.opts.Records
	for _, s := range j.segments() {
		if i := max(s.indexAfter(seq), s.indexSince(cutoff), surplus); i < len(s.index) {
			return s, i
		}
		surplus -= len(s.index)
	}
	return nil, 0
}

// segments returns the segments, the older one first. The caller holds j.segmentsMu.
func (j *journal) segments() []*segment {
	if j.previous == nil {
		return []*segment{j.current}
	}
	return []*segment{j.previous, j.current}
}

// has reports whether s is still part of the journal.
func (j *journal) has(s *segment) bool {
	j.segmentsMu.Lock()
	defer j.segmentsMu.Unlock()
	return slices.Contains(j.segments(), s)
}

// count returns the number of records on disk. The caller holds j.segmentsMu.
func (j *journal) count() (n int) {
	for _, s := range j.segments() {
		n += len(s.index)
	}
	return n
}

// first returns the sequence number of the first retained record that is not older than cutoff and follows seq. The
// result ok is false if there is none, and always for a nil journal.
func (j *journal) first(seq uint64, cutoff time.Time) (n uint64, ok bool) {
	if j == nil {
		return 0, false
	}
	j.segmentsMu.Lock()
	defer j.segmentsMu.Unlock()
	s, i := j.find(seq, cutoff)
	if s == nil {
		return 0, false
	}
	return s.index[i].seq, true
}

// newest returns the sequence number of the oldest of the newest n records. The result ok is false if there are
// fewer than n, and always for a nil journal.
func (j *journal) newest(n int) (seq uint64, ok bool) {
	if j == nil {
		return 0, false
	}
	j.segmentsMu.Lock()
	defer j.segmentsMu.Unlock()
	i := j.count() - n
	if i < 0 || n < 1 {
		return 0, false
	}
	for _, s := range j.segments() {
		if i < len(s.index) {
			return s.index[i].seq, true
		}
		i -= len(s.index)
	}
	return 0, false
}

// read appends some of the records that find returns after sequence number seq, in order. It appends at least one
// record if there is one.
func (j *journal) read(recs []*Record, seq uint64, cutoff time.Time) ([]*Record, error) {
	for {
		j.segmentsMu.Lock()
		s, i := j.find(seq, cutoff)
		if s == nil {
			j.segmentsMu.Unlock()
			return recs, nil
		}
		first := s.index[i].seq
		block, last := s.block(i)
		j.segmentsMu.Unlock()
		operation := fileop.Begin("read journal in", j.dir)
		inBlock, err := j.cache.read(block)
		operation.End()
		if errors.Is(err, os.ErrClosed) && !j.has(s) {
			continue // the segment was deleted since find returned it
		}
		if err != nil {
			return recs, err
		}
		before := len(recs)
		for _, rec := range inBlock {
			if rec.Position.Seq >= first {
				recs = append(recs, rec)
			}
		}
		if len(recs) > before {
			return recs, nil
		}
		seq = last // every line of the block was damaged since the segment was indexed
	}
}
