package watcher

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// maxRefinds bounds how often the files are looked for anew within one reading.
	maxRefinds = 10

	// chunk is how much of a file is read at once, in bytes, unless a line is longer.
	chunk = 64 << 10
)

var (
	// errReplaced is returned for a file that is not the one that was read before under its name.
	errReplaced = errors.New("the file is replaced all the time")

	// errDoubtful is returned for a line that is not as it was written. On network file systems that may be for a moment.
	errDoubtful = errors.New("the next line is damaged")

	// errEnough is returned when no more lines are wanted.
	errEnough = errors.New("no more lines are wanted")
)

// isOutbox reports whether a file of this name, beside the event file, is the outbox, events-KEY.ndjson, or the one that
// it was before it was begun anew, events-KEY.1.ndjson. The key is the companion's secret.
func isOutbox(name string) bool {
	return strings.HasPrefix(name, "events") && strings.HasSuffix(name, ".ndjson")
}

// outbox follows the files to which the companion in WordPress appends each event, as a line, before the plugin's own
// file says it. It gives every whole line, in the order written. Of a file that was cut off, or replaced by one that does
// not go on where it was, it gives all lines: which of them were there before, they say themselves.
type outbox struct {
	dir    string // where the files are, a real path; "" while that is not there
	limit  int    // of a line, in bytes
	intact func(line []byte) bool
	tails  []*tail // in the order in which they were written
	former []*tail // as they were found the time before: a file that is just being renamed is missing once
	failed error   // why not all of them were found
	listed version // of the folder, when they were looked for
	looked time.Time
	buf    []byte
}

// tail is how far one of the files has been read.
type tail struct {
	path   string
	found  version   // when it was found
	offset int64     // behind the last line that was given
	last   []byte    // that line: while it stands before offset, the file is the one that it was
	doubt  time.Time // since when the next line has been damaged; zero if it is not
}

// is reports whether path is one of the files, or would be.
func (o *outbox) is(path string) bool {
	return o.dir != "" && filepath.Dir(path) == o.dir && isOutbox(filepath.Base(path))
}

// find looks which files there are beside the event file, and how far each of them has been read, under whatever name.
func (o *outbox) find(eventFile string) {
	before := slices.Concat(o.tails, o.former)
	o.former = o.tails
	for range maxRefinds {
		if o.list(filepath.Dir(eventFile), before) {
			break
		}
	}
	o.sort()
}

// sort puts the files into the order in which they were written: events-KEY.1.ndjson before events-KEY.ndjson, whatever their
// times say, for clocks are set back and backups restored; files of an earlier key before.
func (o *outbox) sort() {
	key := func(t *tail) string { return strings.TrimSuffix(strings.TrimSuffix(t.path, ".ndjson"), ".1") }
	newest := make(map[string]int64)
	for _, t := range o.tails {
		newest[key(t)] = max(newest[key(t)], t.found.modified)
	}
	slices.SortFunc(o.tails, func(a, b *tail) int {
		return cmp.Or(cmp.Compare(newest[key(a)], newest[key(b)]), strings.Compare(a.path, b.path))
	})
}

// list lists the files, and reports whether all of them were there still when it looked at them.
func (o *outbox) list(folder string, before []*tail) (all bool) {
	o.dir, o.tails, o.failed = "", nil, nil
	o.looked = time.Now()
	o.listed, _ = versionOf(folder)
	dir, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return true // it is made with the first event
	}
	entries, err := os.ReadDir(dir)
	o.dir, o.failed = dir, err
	all = true
	for _, entry := range entries {
		if !isOutbox(entry.Name()) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		switch v, err := versionOf(path); {
		case err == nil:
			o.tails = append(o.tails, newTail(path, v, before))
		case errors.Is(err, fs.ErrNotExist):
			all = false // it may have a name by now that was not there yet
		}
	}
	return all
}

// outdated reports whether there may be files that find has not seen. A change of the folder within a tick of the clock
// before that shows no other time than one right after.
func (o *outbox) outdated(eventFile string) bool {
	now, err := versionOf(filepath.Dir(eventFile))
	return err != nil || now != o.listed || o.looked.Sub(time.Unix(0, now.modified)) < clockTick
}

// newTail returns the tail of a file that has been read as far as one of those before, or not at all.
func newTail(path string, found version, before []*tail) *tail {
	for _, t := range before {
		if t.offset > 0 && t.standsIn(path) {
			return &tail{path: path, found: found, offset: t.offset, last: t.last, doubt: t.doubt}
		}
	}
	return &tail{path: path, found: found}
}

// standsIn reports whether the last line that was given is at its place in a file.
func (t *tail) standsIn(path string) bool {
	f, err := openFile(path)
	if err != nil {
		return t.path == path // it cannot be told now
	}
	defer f.close()
	there := make([]byte, len(t.last))
	n, err := f.readAt(there, t.offset-int64(len(there)))
	return err == nil && bytes.Equal(there[:n], t.last)
}

// lines gives the lines that have come, each of them once it is whole, and is valid until the next. It ends with an error
// if not all could be read; errDoubtful says to come back after patience.
func (o *outbox) lines(eventFile string, patience time.Duration) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var err error
		for range maxRefinds {
			if err = o.each(patience, yield); !errors.Is(err, errReplaced) {
				break
			}
			o.find(eventFile) // before the first line of a new file come those that the one before got meanwhile
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// each gives the lines of all files, until errEnough.
func (o *outbox) each(patience time.Duration, yield func([]byte, error) bool) error {
	for _, t := range o.tails {
		if err := o.eachOf(t, patience, yield); err != nil {
			return err
		}
	}
	return o.failed
}

func (o *outbox) eachOf(t *tail, patience time.Duration, yield func([]byte, error) bool) error {
	f, err := openFile(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return errReplaced // it has another name, or what was not read of it is gone
	}
	if err != nil {
		return err
	}
	defer f.close()
	if v, _, err := f.version(); t.offset == 0 && (err != nil || v.dev != t.found.dev || v.ino != t.found.ino) {
		return errReplaced
	}
	for {
		lines, err := o.next(f, t)
		if err != nil || len(lines) == 0 {
			return err
		}
		for line := range bytes.Lines(lines) {
			switch {
			case !o.intact(line) && !t.doubted(patience):
				return errDoubtful
			case !yield(line, nil):
				return errEnough
			}
			t.pass(line)
		}
	}
}

// pass notes that a line has been given.
func (t *tail) pass(line []byte) {
	t.doubt = time.Time{}
	t.offset += int64(len(line))
	t.last = append(t.last[:0], line...)
}

// doubted reports whether the next line has been damaged for long enough.
func (t *tail) doubted(patience time.Duration) bool {
	if t.doubt.IsZero() {
		t.doubt = time.Now()
	}
	return time.Since(t.doubt) >= patience
}

// next returns the whole lines that come next, as far as they are there; a line beyond the limit, in pieces.
func (o *outbox) next(f file, t *tail) ([]byte, error) {
	if o.buf == nil {
		o.buf = make([]byte, chunk)
	}
	from := t.offset - int64(len(t.last)) // what was read last comes again, for it proves that this is the same file
	for n := 0; ; o.buf = append(o.buf, make([]byte, len(o.buf))...) {
		m, err := f.readAt(o.buf[n:], from+int64(n))
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: t.path, Err: err}
		}
		n += m
		text, same := bytes.CutPrefix(o.buf[:n], t.last)
		end := bytes.LastIndexByte(text, '\n') + 1
		switch {
		case !same && (n >= len(t.last) || n < len(o.buf)):
			return nil, errReplaced
		case end > 0:
			return text[:end], nil
		case n < len(o.buf):
			return nil, nil // the rest is being written
		case len(text) > o.limit:
			return text, nil
		}
	}
}
