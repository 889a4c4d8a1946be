package eventlog

import (
	"errors"
	"os"
	"slices"
	"time"
)

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
