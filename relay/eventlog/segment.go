package eventlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"sync"
	"time"

	"wpre-relay/schema"
)

// segment is one of the journal's files, and where its records are.
type segment struct {
	name  string // of the file, in the state folder
	size  int64  // of the whole lines in it
	lines []place

	using sync.RWMutex // held to read while file is read, to write while it is closed
	file  *os.File     // guarded by using where it is read
}

// place is where a record is in a file.
type place struct {
	seq     uint64
	written int64 // Unix time in microseconds
	end     int64 // of its line; it begins where the one before ends, unless damaged ones are between
}

// damage is what was not readable in a file.
type damage struct {
	lines int   // damaged ones
	bytes int64 // in them
	first int   // number of the first of them, from 1
	last  bool  // no whole line comes behind them
	tail  int64 // bytes of a line that was not finished
}

// index reads the file through and notes where its whole lines are. It returns the epoch of the last; lines of another
// before it are passed over. A number that is not beyond the one before stands twice, and counts once.
func (s *segment) index(file io.Reader, after schema.Position) (epoch string, found damage, err error) {
	epoch = after.Epoch
	lines := bufio.NewReaderSize(file, 64<<10)
	var line []byte
	for n, at := 1, int64(0); ; n++ {
		line, err = readLine(lines, line[:0])
		if err != nil {
			found.tail = int64(len(line))
			break
		}
		at += int64(len(line))
		l, err := schema.ParseLine(line)
		s.size = at
		if err != nil {
			found.lines++
			found.bytes += int64(len(line))
			found.last = true
			if found.lines == 1 {
				found.first = n
			}
			continue
		}
		found.last = false
		if l.Position.Epoch != epoch {
			epoch, after.Seq, s.lines = l.Position.Epoch, 0, nil
		}
		if l.Position.Seq > after.Seq {
			s.lines = append(s.lines, place{l.Position.Seq, l.Time.UnixMicro(), at})
			after.Seq = l.Position.Seq
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return epoch, found, err
}

// readLine appends the next line, with its end, to dst. Behind the last whole one it returns io.EOF and what is left.
func readLine(r *bufio.Reader, dst []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		dst = append(dst, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return dst, err
		}
	}
}

// add notes that lines stand behind what is there, whose ends are counted from there.
func (s *segment) add(lines []place) {
	for _, place := range lines {
		place.end += s.size
		s.lines = append(s.lines, place)
	}
	if len(lines) > 0 {
		s.size += lines[len(lines)-1].end
	}
}

// after returns how many of the records have no number beyond seq.
func (s *segment) after(seq uint64) int {
	return sort.Search(len(s.lines), func(i int) bool { return s.lines[i].seq > seq })
}

// expired returns how many of the records were written before t.
func (s *segment) expired(t time.Time) int {
	limit := t.UnixMicro()
	return sort.Search(len(s.lines), func(i int) bool { return s.lines[i].written >= limit })
}

// start returns where line i begins.
func (s *segment) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return s.lines[i-1].end
}

// block returns the part of the file that line i is in, and the number of the last record in it.
func (s *segment) block(i int) (b block, last uint64) {
	n := s.start(i) / blockSize
	first := sort.Search(i, func(i int) bool { return s.start(i)/blockSize >= n })
	next := i + sort.Search(len(s.lines)-i, func(j int) bool { return s.start(i+j)/blockSize > n })
	return block{s, s.start(first), s.lines[next-1].end}, s.lines[next-1].seq
}

// read returns the records whose lines are in the given part of the file, in order. Lines that have been damaged since
// the file was indexed are passed over.
func (s *segment) read(from, to int64) (recs []*Record, err error) {
	text := make([]byte, to-from)
	s.using.RLock()
	_, err = s.file.ReadAt(text, from)
	s.using.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	seq := uint64(0)
	for line := range bytes.Lines(text) {
		rec, err := parseRecord(line)
		if err == nil && rec.Position.Seq > seq {
			recs = append(recs, rec)
			seq = rec.Position.Seq
		}
	}
	return recs, nil
}

// sync writes the file through to the disk.
func (s *segment) sync() error {
	s.using.RLock()
	defer s.using.RUnlock()
	return s.file.Sync()
}

// closeFile waits for readers and closes the file.
func (s *segment) closeFile() error {
	s.using.Lock()
	defer s.using.Unlock()
	return s.file.Close()
}
