package durabletest

import (
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
	if err := f.disk.call("read", f.path); err != nil {
		return 0, err
	}
	content := f.disk.content[f.inode]
	if offset >= int64(len(content)) {
		return 0, io.EOF
	}
	n := copy(p, content[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.disk.call("write", f.path); err != nil {
		return 0, err
	}
	if f.appends {
		f.offset = int64(len(f.disk.content[f.inode]))
	}
	f.disk.change(change{kind: write, inode: f.inode, offset: f.offset, data: append([]byte(nil), p...)})
	f.offset += int64(len(p))
	return len(p), nil
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
	content := f.disk.content[f.inode]
	return info{f.path, f.inode, int64(len(content)), content == nil}, nil
}

func (f *file) Sync() error {
	if err := f.disk.call("sync", f.path); err != nil {
		return err
	}
	f.disk.syncFile(f.inode)
	return nil
}

func (f *file) Close() error  { return nil }
func (f *file) Unlock() error { return nil }

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
