package watcher

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// reader reads the file whole, into memory that it uses again.
type reader struct {
	limit int // bytes read at most
	buf   []byte
}

// read returns the file's content, valid until the next call, and the version it is of, which is given with an
// error too, if the file is there at all. The version is taken after the content: a write in between makes it newer
// than the content, never older, and announces itself.
func (r *reader) read(path string) ([]byte, os.FileInfo, error) {
	// O_NONBLOCK: a FIFO in the file's place must not hang the relay.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		info, _ := os.Stat(path)
		return nil, info, err
	}
	defer f.Close()
	content, readErr := r.fill(f)
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, info, fmt.Errorf("%s is not a regular file but %s", path, info.Mode().Type())
	case readErr != nil:
		return nil, info, readErr
	}
	return content, info, nil
}

// fill reads f up to its end or the limit.
func (r *reader) fill(f *os.File) ([]byte, error) {
	if r.buf == nil {
		r.buf = make([]byte, min(r.limit, 4096))
	}
	for n := 0; ; {
		m, err := f.Read(r.buf[n:])
		n += m
		switch {
		case errors.Is(err, io.EOF):
			return r.buf[:n], nil
		case err != nil:
			return nil, err
		case n < len(r.buf) || n == r.limit:
			return r.buf[:n], nil // a regular file gives less than asked for only at its end
		}
		r.buf = append(r.buf, make([]byte, min(len(r.buf), r.limit-len(r.buf)))...)
	}
}

// sameVersion reports whether a and b are the same file, unwritten in between.
func sameVersion(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
