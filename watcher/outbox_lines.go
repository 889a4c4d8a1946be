package watcher

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"time"
)

// chunkSize is how many bytes of a file are read at once, unless a line is longer. A line has about 300 bytes.
const chunkSize = 64 << 10

var (
	// errReplaced is returned if a path leads to another file than the one that was read before.
	errReplaced = errors.New("the outbox was replaced during every read")

	// errDamagedLine is returned if the next line fails validLine. On network file systems a line can be damaged for a
	// moment.
	errDamagedLine = errors.New("the next line is damaged")

	// errStopped is returned when the caller wants no more lines.
	errStopped = errors.New("the caller stopped reading")
)

// outboxFile is a file of the outbox and how far it has been read.
type outboxFile struct {
	path    string
	found   fileVersion // the version when the file was listed
	offset  int64       // end of the last line returned
	last    []byte      // that line; as long as it ends at offset, the file is the same one
	damaged time.Time   // when the next line was first found damaged; zero if it is not damaged
}

// newOutboxFile returns the file at path. It takes the read offset from the file in before that has the same content,
// whatever its name was.
func newOutboxFile(path string, found fileVersion, before []*outboxFile) *outboxFile {
	for _, f := range before {
		if f.offset > 0 && f.matches(path) {
			return &outboxFile{path: path, found: found, offset: f.offset, last: slices.Clone(f.last), damaged: f.damaged}
		}
	}
	return &outboxFile{path: path, found: found}
}

// matches reports whether the file at path holds f's last line at the same place. If the file cannot be opened, the
// path decides.
func (f *outboxFile) matches(path string) bool {
	opened, err := openFile(path)
	if err != nil {
		return f.path == path
	}
	defer opened.close()
	text := make([]byte, len(f.last))
	n, err := opened.readAt(text, f.offset-int64(len(text)))
	return err == nil && bytes.Equal(text[:n], f.last)
}

// advance records that line has been returned.
func (f *outboxFile) advance(line []byte) {
	f.damaged = time.Time{}
	f.offset += int64(len(line))
	f.last = append(f.last[:0], line...)
}

// damagedFor reports whether the next line has been damaged for at least d.
func (f *outboxFile) damagedFor(d time.Duration) bool {
	if f.damaged.IsZero() {
		f.damaged = time.Now()
	}
	return time.Since(f.damaged) >= d
}

// lines returns the new lines. It returns a line when the whole line was written; the line is valid until the next
// one. The sequence ends with an error if not all could be read. A damaged line ends it with errDamagedLine; once
// the line has been damaged for retryFor, it is returned unchanged.
func (o *outbox) lines(eventFile string, retryFor time.Duration) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var err error
		for range maxRefreshes {
			if err = o.readFiles(retryFor, yield); !errors.Is(err, errReplaced) {
				break
			}
			o.refresh(eventFile) // the new file's lines come after the lines that the old file got in the meantime
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// readFiles yields the new lines of all files.
func (o *outbox) readFiles(retryFor time.Duration, yield func([]byte, error) bool) error {
	for _, f := range o.files {
		if err := o.readFile(f, retryFor, yield); err != nil {
			return err
		}
	}
	return o.listErr
}

// readFile yields the new lines of f.
func (o *outbox) readFile(f *outboxFile, retryFor time.Duration, yield func([]byte, error) bool) error {
	opened, err := openFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return errReplaced // it was renamed, or it was deleted with the lines that were not read yet
	}
	if err != nil {
		return err
	}
	defer opened.close()
	if f.offset == 0 { // later, its last line identifies it
		if s, err := opened.state(); err != nil || s.dev != f.found.dev || s.ino != f.found.ino {
			return errReplaced
		}
	}
	for {
		lines, err := o.nextLines(opened, f)
		if err != nil || len(lines) == 0 {
			return err
		}
		for line := range bytes.Lines(lines) {
			switch {
			case !o.validLine(line) && !f.damagedFor(retryFor):
				return errDamagedLine
			case !yield(line, nil):
				return errStopped
			}
			f.advance(line)
		}
	}
}

// nextLines returns the next whole lines of f, or none if the next line is not whole yet. A line longer than the limit
// is returned in pieces. nextLines reads the last line returned again, and fails with errReplaced if it has changed.
func (o *outbox) nextLines(opened file, f *outboxFile) ([]byte, error) {
	if o.buf == nil {
		o.buf = make([]byte, chunkSize)
	}
	from := f.offset - int64(len(f.last))
	for n := 0; ; o.buf = append(o.buf, make([]byte, len(o.buf))...) {
		m, err := opened.readAt(o.buf[n:], from+int64(n))
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: f.path, Err: err}
		}
		n += m
		text, same := bytes.CutPrefix(o.buf[:n], f.last)
		end := bytes.LastIndexByte(text, '\n') + 1
		switch {
		case !same && (n >= len(f.last) || n < len(o.buf)):
			return nil, errReplaced
		case end > 0:
			return text[:end], nil
		case n < len(o.buf):
			return nil, nil // the rest has not been written yet
		case len(text) > o.limit:
			return text, nil
		}
	}
}
