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

// fileState describes an open file. Its version changes with each write. The rest changes if the file is replaced, or
// if the permission to read it may have changed.
type fileState struct {
	fileVersion
	regular  bool
	links    uint64 // number of names; 0 once the file was deleted or replaced
	mode     uint32
	uid, gid uint32
}

// fileReader reads a whole file into buffers that it reuses. It keeps the file open until close, so that each look in a
// burst takes fewer system calls. The loop closes it once in recheckInterval.
type fileReader struct {
	limit       int // maximum number of bytes to read
	buf, second []byte
	opened      bool      // file is open
	file        file      // valid if opened
	state       fileState // of file when it was opened; its version is not used
}

// read returns the content of the file at path, valid until the next call, and the version of the file. If the file
// exists, it returns the version with an error too. It takes the version after the content: a write in between makes
// the version newer than the content, never older, and has its own notification. A content that equals known is not
// read twice. Set concurrent if several processes write the file (see confirm).
//
// The caller calls close before read if path may lead to another file than before. read itself finds a file that was
// deleted, replaced by a rename, or whose owner or mode was changed.
func (r *fileReader) read(path string, known []byte, concurrent bool) ([]byte, fileVersion, error) {
	if r.opened {
		content, state, err := r.readOpened(path, known, concurrent)
		if err == nil && r.sameFile(state) {
			return content, state.fileVersion, nil
		}
		r.close()
	}
	f, err := openFile(path)
	if err != nil {
		v, _ := versionOf(path)
		return nil, v, err
	}
	r.file, r.opened = f, true
	content, state, err := r.readOpened(path, known, concurrent)
	if r.state = state; err != nil || !keepOpen {
		r.close()
	}
	return content, state.fileVersion, err
}

// sameFile reports whether state differs from that of the file when it was opened by its version only.
func (r *fileReader) sameFile(state fileState) bool {
	state.fileVersion = r.state.fileVersion
	return state == r.state
}

// close closes the file, if it is open. The next read opens it again.
func (r *fileReader) close() {
	if r.opened {
		r.opened = false
		r.file.close()
	}
}

// readOpened implements read for the open file.
func (r *fileReader) readOpened(path string, known []byte, concurrent bool) ([]byte, fileState, error) {
	content, err := readAll(r.file, &r.buf, r.limit)
	if err == nil && len(content) > 0 && !bytes.Equal(content, known) {
		content, err = r.confirm(r.file, content, concurrent)
	}
	state, statErr := r.file.state()
	switch {
	case statErr != nil:
		return nil, fileState{}, &fs.PathError{Op: "stat", Path: path, Err: statErr}
	case !state.regular:
		return nil, state, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	case err != nil:
		return nil, state, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return content, state, nil
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
