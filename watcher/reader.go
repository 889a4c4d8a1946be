package watcher

import (
	"bytes"
	"errors"
	"io/fs"
)

// maxReads bounds how often a file that is being written is read again before two readings agree.
const maxReads = 1000

// errUnsteady is returned for a file that is written without a pause. It will announce itself.
var errUnsteady = errors.New("the file is written all the time")

// version tells one state of the file from another: which file it is, and its last write. The zero version is none.
type version struct {
	dev, ino uint64
	size     int64
	modified int64 // Unix time in nanoseconds
}

// reader reads the file whole, into memory that it uses again.
type reader struct {
	limit       int // bytes read at most
	buf, second []byte
}

// read returns the file's content, valid until the next call, and the version it is of, which is given with an
// error too, if the file is there at all. The version is taken after the content: a write in between makes it newer
// than the content, never older, and announces itself. known is a content that need not be confirmed;
// several says that several writers are at work.
func (r *reader) read(path string, known []byte, several bool) ([]byte, version, error) {
	f, err := openFile(path)
	if err != nil {
		v, _ := versionOf(path)
		return nil, v, err
	}
	defer f.close()
	content, err := fill(f, &r.buf, r.limit)
	if err == nil && len(content) > 0 && !bytes.Equal(content, known) {
		content, err = r.confirm(f, content, several)
	}
	v, regular, statErr := f.version()
	switch {
	case statErr != nil:
		return nil, version{}, &fs.PathError{Op: "stat", Path: path, Err: statErr}
	case !regular:
		return nil, v, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	case err != nil:
		return nil, v, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return content, v, nil
}

// confirm returns content, or a newer one, as soon as it can trust it to be what somebody wrote; nothing if the file
// has been emptied meanwhile. On most Linux file systems a read does not wait for a write under way and may return
// part of that over what was there: a mixture of two documents that looks whole. A write takes less time than two
// readings, so what these agree on is hardly a mixture; and with several writers, without whom there is none, it waits
// in between for who is writing, so that it surely is not. A single writer is not waited for, since by then the file
// would often be empty.
func (r *reader) confirm(f file, content []byte, several bool) ([]byte, error) {
	for range maxReads {
		if several {
			f.awaitWriter()
		}
		second, err := fill(f, &r.second, r.limit)
		if err != nil {
			return nil, err
		}
		if len(second) == 0 || bytes.Equal(content, second) {
			return second, nil
		}
		content = second
		r.buf, r.second = r.second, r.buf
	}
	return nil, errUnsteady
}

// fill reads f from its beginning up to its end or the limit, into buf, which it may replace.
func fill(f file, buf *[]byte, limit int) ([]byte, error) {
	if *buf == nil {
		*buf = make([]byte, min(limit, 4096))
	}
	for n := 0; ; {
		b := *buf
		m, err := f.readAt(b[n:], int64(n))
		if err != nil {
			return nil, err
		}
		n += m
		if n < len(b) || n == limit { // a regular file gives less than asked for only at its end
			return b[:n], nil
		}
		*buf = append(b, make([]byte, min(len(b), limit-len(b)))...)
	}
}
