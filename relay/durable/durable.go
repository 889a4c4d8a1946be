// Package durable has the file calls that files need whose content must survive a kill and a power failure. FS is the
// file system as these files see it, so that tests can fail each call and cut the power between any two of them. The
// package knows no file format, retries nothing and logs nothing.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is a file system. Its methods and their errors correspond to package os.
type FS interface {
	OpenFile(name string, flag int, mode fs.FileMode) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	Mkdir(name string, mode fs.FileMode) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	SameFile(a, b fs.FileInfo) bool

	// SyncDir makes the entries of a directory durable: files that were created, renamed and removed. The content of a
	// file becomes durable with File.Sync only.
	SyncDir(name string) error

	// TryLock locks a file, which it creates if flag has os.O_CREATE, or a directory. It returns ok false if another
	// process has locked it. The kernel releases the lock when the process ends.
	TryLock(name string, flag int) (lock Lock, ok bool, err error)

	// Incarnation identifies the present content of the file system that holds a directory, including unsynced
	// writes.
	Incarnation(dir string) Incarnation
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)

	// Sync makes the content durable. After an error, the system may have dropped all writes since the last
	// Sync, and another Sync may succeed nevertheless (Linux reports an error once). The content must then be written
	// to another file.
	Sync() error
}

// Lock is a locked file.
type Lock interface {
	Stat() (fs.FileInfo, error)
	Unlock() error
}

// Incarnation identifies the system's boot and the mount of a file system. As long as both are the same, the kernel
// has what a process wrote before it was killed, even if nothing was synced.
type Incarnation struct {
	Boot  string // "" if unknown, and if the file system may lose unsynced data otherwise, such as NFS and FUSE
	Mount string // "" if unknown
}

// ReadFile returns the content of a file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	file, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(file)
	return content, errors.Join(err, file.Close())
}

// Replace replaces the content of a file, or creates it, and makes that durable. The file has either content at any
// time, also after a power failure.
func Replace(fsys FS, name string, content []byte) error {
	temporary := name + ".tmp"
	file, err := fsys.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, fsys.Remove(temporary))
	}
	if err := fsys.Rename(temporary, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// Overwrite replaces the content of a file in place. It needs no space on a full disk if the content is not longer than
// before. It syncs nothing. A content of one size, of at most a sector (512 bytes), is never seen in part.
func Overwrite(fsys FS, name string, content []byte) error {
	return overwrite(fsys, name, content, func(File) error { return nil })
}

// OverwriteSync is like Overwrite, and makes the content durable.
func OverwriteSync(fsys FS, name string, content []byte) error {
	return overwrite(fsys, name, content, File.Sync)
}

func overwrite(fsys FS, name string, content []byte, sync func(File) error) error {
	file, err := fsys.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil {
		_, err = file.Write(content)
	}
	if err == nil && info.Size() > int64(len(content)) {
		err = file.Truncate(int64(len(content)))
	}
	if err == nil {
		err = sync(file)
	}
	return errors.Join(err, file.Close())
}

// MkdirAll creates a directory and its parents, and makes that durable.
func MkdirAll(fsys FS, dir string, mode fs.FileMode) error {
	info, err := fsys.Stat(dir)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("not a directory")}
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := MkdirAll(fsys, parent, mode); err != nil {
		return err
	}
	if err := fsys.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncDir(parent)
}

// SyncParents makes the entries of a directory and of its parents durable, in case a former process was killed before
// it did that.
func SyncParents(fsys FS, dir string) error {
	for parent := filepath.Dir(dir); parent != dir; dir, parent = parent, filepath.Dir(parent) {
		if err := fsys.SyncDir(parent); err != nil {
			return err
		}
	}
	return nil
}
