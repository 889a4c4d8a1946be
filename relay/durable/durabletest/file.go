package durabletest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"
)

// file is an open file of a disk.
type file struct {
	disk    *Disk
	inode   inode
	path    string // when it was opened
	appends bool
	offset  int64
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.offset)
	f.offset += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	failure := f.disk.call("read", f.path)
	part, isPartial := partOf(failure, len(p))
	if failure != nil && !isPartial {
		return 0, failure
	}
	p = p[:part]
	content := f.disk.content[f.inode]
	if offset >= int64(len(content)) {
		return 0, io.EOF
	}
	n := copy(p, content[offset:])
	if n < len(p) && failure == nil {
		return n, io.EOF
	}
	return n, failure
}

func (f *file) Write(p []byte) (int, error) {
	failure := f.disk.call("write", f.path)
	part, isPartial := partOf(failure, len(p))
	if failure != nil && !isPartial {
		return 0, failure
	}
	p = p[:part]
	if f.appends {
		f.offset = int64(len(f.disk.content[f.inode]))
	}
	f.disk.change(change{kind: write, inode: f.inode, offset: f.offset, data: append([]byte(nil), p...)})
	f.offset += int64(len(p))
	return len(p), failure
}

func (f *file) Truncate(size int64) error {
	if err := f.disk.call("truncate", f.path); err != nil {
		return err
	}
	if size != int64(len(f.disk.content[f.inode])) {
		f.disk.change(change{kind: truncate, inode: f.inode, size: size})
	}
	return nil
}

func (f *file) Stat() (fs.FileInfo, error) {
	if err := f.disk.call("stat", f.path); err != nil {
		return nil, err
	}
	content := f.disk.content[f.inode]
	return info{f.path, f.inode, int64(len(content)), content == nil}, nil
}

func (f *file) Sync() error {
	if err := f.disk.call("sync", f.path); err != nil {
		f.disk.dropWrites(f.inode)
		return err
	}
	f.disk.syncFile(f.inode)
	return nil
}

func (f *file) Close() error  { return f.disk.call("close", f.path) }
func (f *file) Unlock() error { return nil }

// Partial is an error for Disk.Fail: a write or a read does a part before it fails with Err. Other calls do nothing.
type Partial struct {
	Err   error
	Bytes int // of the part, modulo the length of the call
}

func (p Partial) Error() string { return fmt.Sprintf("after %d bytes: %v", p.Bytes, p.Err) }
func (p Partial) Unwrap() error { return p.Err }

// partOf returns how many of n bytes a call with this failure does. It reports whether the failure is partial.
func partOf(failure error, n int) (part int, isPartial bool) {
	partial, ok := errors.AsType[Partial](failure)
	if !ok || n == 0 {
		return n, ok
	}
	return (partial.Bytes%n + n) % n, true
}

// info is the description of a file.
type info struct {
	path  string
	inode inode
	size  int64
	isDir bool
}

func (i info) Name() string       { return filepath.Base(i.path) }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.isDir }
func (i info) Sys() any           { return i.inode }

func (i info) Mode() fs.FileMode {
	if i.isDir {
		return fs.ModeDir
	}
	return 0
}

// Applies reports whether a call with this name can fail with an error: only reads and writes can do a part.
func Applies(failure error, call string) bool {
	_, isPartial := errors.AsType[Partial](failure)
	return !isPartial || call == "read" || call == "write"
}
