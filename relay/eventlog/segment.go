package eventlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"sync"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/schema"
)

// segment is one file of the journal and the index of its records. The journal guards name, size and index.
type segment struct {
	name  string // of the file in the state directory
	size  int64  // length of the complete lines
	index []indexEntry

	// latest is the latest time of the records up to the newest, in microseconds since 1970. It includes the records
	// of the segment before.
	latest int64

	synced int64 // how much of size is durable; guarded by the journal's mu
	unsafe bool  // a sync has failed, so that the bytes from synced on may be lost; guarded by the journal's mu

	fileMu sync.RWMutex // held shared during reads and syncs, exclusively while file is closed or replaced
	file   durable.File // nil if it could not be opened
}

// indexEntry locates a record in a segment. Its line starts where the line before ends, or after damaged lines.
type indexEntry struct {
	seq  uint64
	time int64 // the latest time of the records up to this one, in microseconds since 1970
	end  int64 // offset of the byte after its line
}

// damage describes the lines of a segment that are unreadable.
type damage struct {
	lines        int   // number of damaged lines
	bytes        int64 // their total length
	firstLine    int   // line number of the first one, from 1
	atEnd        bool  // no undamaged line follows the last damaged one
	partialBytes int64 // length of an unfinished line at the end
}

// scan reads the whole file and indexes its undamaged lines. It returns the last record's position. If the epoch
// changes, it drops the lines before the change. It drops a record whose sequence number is not above the one
// before, because that record was written twice.
func (s *segment) scan(file io.Reader, after schema.Position) (last schema.Position, found damage, err error) {
	last = after
	lines := bufio.NewReaderSize(file, 64<<10)
	var line []byte
	for n, offset := 1, int64(0); ; n++ {
		line, err = readLine(lines, line[:0])
		if err != nil {
			found.partialBytes = int64(len(line))
			break
		}
		offset += int64(len(line))
		s.size = offset
		l, err := schema.ParseLine(line)
		if err != nil {
			found.add(n, len(line))
			continue
		}
		found.atEnd = false
		if l.Position.Epoch != last.Epoch {
			last, s.index = schema.Position{Epoch: l.Position.Epoch}, nil
		}
		if l.Position.Seq > last.Seq {
			s.push(indexEntry{l.Position.Seq, l.Time.UnixMicro(), offset})
			last.Seq = l.Position.Seq
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return last, found, err
}

// add records that line n, of this length, is damaged.
func (d *damage) add(n, length int) {
	if d.lines == 0 {
		d.firstLine = n
	}
	d.lines++
	d.bytes += int64(length)
	d.atEnd = true
}

// readLine appends the next line with its newline to dst. At the end of the file it appends the unfinished line, if
// any, and returns io.EOF.
func readLine(r *bufio.Reader, dst []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		dst = append(dst, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return dst, err
		}
	}
}

// push indexes a record. The times in the index never decrease, although the clock may have been set back: a record
// is at least as young as each record before it. Records therefore expire in the order in which they were appended.
func (s *segment) push(entry indexEntry) {
	s.latest = max(s.latest, entry.time)
	entry.time = s.latest
	s.index = append(s.index, entry)
}

// add indexes lines that were appended to the file. The ends in entries are relative to the former size.
func (s *segment) add(entries []indexEntry) {
	for _, entry := range entries {
		entry.end += s.size
		s.push(entry)
	}
	if len(entries) > 0 {
		s.size += entries[len(entries)-1].end
	}
}

// indexAfter returns the index of the first record after sequence number seq, or len(s.index) if there is none.
func (s *segment) indexAfter(seq uint64) int {
	return sort.Search(len(s.index), func(i int) bool { return s.index[i].seq > seq })
}

// indexSince returns the index of the first record that is not older than t, or len(s.index) if there is none. Later
// records may have an earlier time, if the clock was set back.
func (s *segment) indexSince(t time.Time) int {
	cutoff := t.UnixMicro()
	return sort.Search(len(s.index), func(i int) bool { return s.index[i].time >= cutoff })
}

// start returns the offset of the end of the record before record i.
func (s *segment) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return s.index[i-1].end
}

// block returns the block that contains record i, and the sequence number of the last record in it.
func (s *segment) block(i int) (b block, last uint64) {
	n := s.start(i) / blockSize
	first := sort.Search(i, func(i int) bool { return s.start(i)/blockSize >= n })
	next := i + sort.Search(len(s.index)-i, func(j int) bool { return s.start(i+j)/blockSize > n })
	return block{s, s.start(first), s.index[next-1].end}, s.index[next-1].seq
}

// read returns the records in a range of the file, in order. It skips lines that were damaged since the file was
// indexed.
func (s *segment) read(from, to int64) (recs []*Record, err error) {
	text := make([]byte, to-from)
	s.fileMu.RLock()
	if s.file == nil {
		err = os.ErrClosed
	} else {
		_, err = s.file.ReadAt(text, from)
	}
	s.fileMu.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
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

// stat returns the description of the open file.
func (s *segment) stat() (fs.FileInfo, error) {
	s.fileMu.RLock()
	defer s.fileMu.RUnlock()
	if s.file == nil {
		return nil, os.ErrClosed
	}
	return s.file.Stat()
}

// sync syncs the file to disk.
func (s *segment) sync() error {
	s.fileMu.RLock()
	defer s.fileMu.RUnlock()
	if s.file == nil {
		return os.ErrClosed
	}
	return s.file.Sync()
}

// closeFile waits for reads that are in progress and closes the file.
func (s *segment) closeFile() error {
	s.fileMu.Lock()
	defer s.fileMu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
