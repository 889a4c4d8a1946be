package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Calls are the names of the calls that Observe reports.
var Calls = []string{
	"open", "close", "read", "write", "truncate", "sync", "stat", "rename", "remove", "mkdir", "readdir", "syncdir",
	"lock",
}

// Observe returns fsys with a report of each call that fails: its name in Calls, the path and the error. The answers
// that a file is missing, exists, is closed or has ended are no failures. Report may be called concurrently.
func Observe(fsys FS, report func(call, path string, err error)) FS {
	return observed{fsys, report}
}

type observed struct {
	FS
	report func(call, path string, err error)
}

// check reports a failure, and returns err.
func (o observed) check(call, path string, err error) error {
	if err == nil {
		return nil
	}
	for _, answer := range []error{fs.ErrNotExist, syscall.ENOTDIR, fs.ErrExist, os.ErrClosed, io.EOF} {
		if errors.Is(err, answer) {
			return err
		}
	}
	o.report(call, path, err)
	return err
}

func (o observed) OpenFile(name string, flag int, mode fs.FileMode) (File, error) {
	file, err := o.FS.OpenFile(name, flag, mode)
	if o.check("open", name, err) != nil {
		return nil, err
	}
	return observedFile{file, o, name}, nil
}

func (o observed) Rename(from, to string) error {
	return o.check("rename", from, o.FS.Rename(from, to))
}

func (o observed) Remove(name string) error { return o.check("remove", name, o.FS.Remove(name)) }

func (o observed) Mkdir(name string, mode fs.FileMode) error {
	return o.check("mkdir", name, o.FS.Mkdir(name, mode))
}

func (o observed) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := o.FS.ReadDir(name)
	return entries, o.check("readdir", name, err)
}

func (o observed) Stat(name string) (fs.FileInfo, error) {
	info, err := o.FS.Stat(name)
	return info, o.check("stat", name, err)
}

func (o observed) SyncDir(name string) error { return o.check("syncdir", name, o.FS.SyncDir(name)) }

// TryLock reports no failure to lock a directory: some systems have no such locks.
func (o observed) TryLock(name string, flag int) (Lock, bool, error) {
	lock, ok, err := o.FS.TryLock(name, flag)
	if flag&os.O_CREATE != 0 {
		o.check("lock", name, err)
	}
	return lock, ok, err
}

type observedFile struct {
	File
	fs   observed
	path string // when it was opened
}

func (f observedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	return n, f.fs.check("read", f.path, err)
}

func (f observedFile) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.File.ReadAt(p, offset)
	return n, f.fs.check("read", f.path, err)
}

func (f observedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.fs.check("write", f.path, err)
}

func (f observedFile) Truncate(size int64) error {
	return f.fs.check("truncate", f.path, f.File.Truncate(size))
}

func (f observedFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return info, f.fs.check("stat", f.path, err)
}

func (f observedFile) Sync() error  { return f.fs.check("sync", f.path, f.File.Sync()) }
func (f observedFile) Close() error { return f.fs.check("close", f.path, f.File.Close()) }
