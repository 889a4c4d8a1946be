package watcher

import (
	"bytes"
	"errors"
	"io/fs"
)

// maxReads limits how often read reads a file again that changes between two reads. It bounds the time that a writer
// without pauses can hold up the loop.
const maxReads = 1000

// errUnstable is returned for a file that changed between all reads. The next change has its own notification.
var errUnstable = errors.New("the file changed during every read")

// fileVersion identifies one state of a file: which file it is, its size, and its last write. The zero value is no
// file.
type fileVersion struct {
	dev, ino uint64
	size     int64
	modified int64 // Unix time in nanoseconds
}

// fileReader reads a whole file into buffers that it reuses.
type fileReader struct {
	limit       int // maximum number of bytes to read
	buf, second []byte
}

// read returns the content of the file at path, valid until the next call, and the version of the file. If the file
// exists, it returns the version with an error too. It takes the version after the content: a write in between makes
// the version newer than the content, never older, and has its own notification. A content that equals known is not
// read twice. Set concurrent if several processes write the file (see confirm).
func (r *fileReader) read(path string, known []byte, concurrent bool) ([]byte, fileVersion, error) {
	f, err := openFile(path)
	if err != nil {
		v, _ := versionOf(path)
		return nil, v, err
	}
	defer f.close()
	content, err := readAll(f, &r.buf, r.limit)
	if err == nil && len(content) > 0 && !bytes.Equal(content, known) {
		content, err = r.confirm(f, content, concurrent)
	}
	v, regular, statErr := f.version()
	switch {
	case statErr != nil:
		return nil, fileVersion{}, &fs.PathError{Op: "stat", Path: path, Err: statErr}
	case !regular:
		return nil, v, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	case err != nil:
		return nil, v, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return content, v, nil
}

// confirm reads the file until two reads in a row agree, and returns that content. It returns an empty content if the
// file was truncated in between. On most Linux file systems a read does not wait for a write in progress. It may return
// the first part of the new document with the rest of the old one, which can look complete. A write takes less time
// than two reads, so two equal reads are hardly such a mixture. If several processes write, without which there are no
// mixtures, confirm also waits for the writer between two reads, which excludes them. It does not wait for a single
// writer, because that one would often have truncated the file by then.
func (r *fileReader) confirm(f file, content []byte, concurrent bool) ([]byte, error) {
	for range maxReads {
		if concurrent {
			f.awaitWriter()
		}
		second, err := readAll(f, &r.second, r.limit)
		if err != nil {
			return nil, err
		}
		if len(second) == 0 || bytes.Equal(content, second) {
			return second, nil
		}
		content = second
		r.buf, r.second = r.second, r.buf
	}
	return nil, errUnstable
}

// readAll reads f from its start to its end or to the limit. It reads into *buf and replaces *buf if that is too small.
func readAll(f file, buf *[]byte, limit int) ([]byte, error) {
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
		if n < len(b) || n == limit { // a regular file returns fewer bytes than requested only at its end
			return b[:n], nil
		}
		*buf = append(b, make([]byte, min(len(b), limit-len(b)))...)
	}
}
