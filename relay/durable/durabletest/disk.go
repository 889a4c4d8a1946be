// Package durabletest has a file system in memory that can lose power. Disk records each change, and Cuts returns the
// disks that a power failure may leave. The package knows no file format.
package durabletest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"wpre-relay/relay/durable"
)

// Model defines which changes a sync makes durable.
type Model struct {
	// Piece is the size of the aligned pieces of a write that are durable separately.
	Piece int64

	// EntriesByFile makes the directory entry of a file durable with File.Sync, as ext4 does. Otherwise only SyncDir
	// does, as POSIX says.
	EntriesByFile bool
}

// Disk is a file system in memory. One goroutine uses it at a time.
type Disk struct {
	// Fail is called before each call, with its number from 0, its name and the path of the file. If it returns an
	// error, the call does nothing and returns that; see also Partial. Default: no call fails.
	Fail func(number int, call, path string) error

	// OnChange is called before each change that Cut may lose, and before each sync. Default: no call.
	OnChange func()

	model   Model
	boot    int // number of power failures
	calls   int
	inodes  int              // number of inodes that were created
	names   map[string]inode // by path; the root directory always exists
	content map[inode][]byte
	durable snapshot
	pending []change // changes that are not durable yet, the oldest first
}

// inode is the number of a file or a directory.
type inode int

// snapshot is the content of a disk.
type snapshot struct {
	names   map[string]inode
	content map[inode][]byte // nil for a directory
}

// NewDisk returns an empty disk.
func NewDisk(model Model) *Disk {
	return &Disk{
		model:   model,
		names:   make(map[string]inode),
		content: make(map[inode][]byte),
		durable: snapshot{make(map[string]inode), make(map[inode][]byte)},
	}
}

// call counts a call, and returns the error that Fail wants.
func (d *Disk) call(name, path string) error {
	d.calls++
	if d.Fail == nil {
		return nil
	}
	if err := d.Fail(d.calls-1, name, path); err != nil {
		return &fs.PathError{Op: name, Path: path, Err: err}
	}
	return nil
}

// change applies c now, and makes it pending. The new size of a file becomes durable separately from its content, which
// reads as zeros until then.
func (d *Disk) change(c change) {
	if d.OnChange != nil {
		d.OnChange()
	}
	if size := c.offset + int64(len(c.data)); c.kind == write && size > int64(len(d.content[c.inode])) {
		d.pending = append(d.pending, change{kind: truncate, inode: c.inode, size: size})
	}
	c.apply(snapshot{d.names, d.content})
	d.pending = append(d.pending, c.split(d.model.Piece)...)
}

// lookup returns the inode of a path, or an error if its directory or the file does not exist.
func (d *Disk) lookup(call, path string) (inode, error) {
	for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
		if _, ok := d.names[dir]; !ok {
			return 0, &fs.PathError{Op: call, Path: path, Err: syscall.ENOENT}
		}
	}
	n, ok := d.names[path]
	if !ok {
		return 0, &fs.PathError{Op: call, Path: path, Err: syscall.ENOENT}
	}
	return n, nil
}

// create creates a file, or a directory if content is nil.
func (d *Disk) create(path string, content []byte) inode {
	d.inodes++
	d.content[inode(d.inodes)] = content
	d.change(change{kind: link, inode: inode(d.inodes), isDir: content == nil, path: path})
	return inode(d.inodes)
}

// OpenFile implements durable.FS.
func (d *Disk) OpenFile(path string, flag int, _ fs.FileMode) (durable.File, error) {
	if err := d.call("open", path); err != nil {
		return nil, err
	}
	opened, err := d.open(path, flag)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

func (d *Disk) open(path string, flag int) (*file, error) {
	n, err := d.lookup("open", path)
	switch {
	case err != nil && flag&os.O_CREATE == 0:
		return nil, err
	case err != nil:
		if dir := filepath.Dir(path); dir != "/" {
			if _, err := d.lookup("open", dir); err != nil {
				return nil, err
			}
		}
		n = d.create(path, []byte{})
	case flag&os.O_TRUNC != 0 && len(d.content[n]) > 0:
		d.change(change{kind: truncate, inode: n})
	}
	return &file{disk: d, inode: n, path: path, appends: flag&os.O_APPEND != 0}, nil
}

// Rename implements durable.FS.
func (d *Disk) Rename(from, to string) error {
	if err := d.call("rename", from); err != nil {
		return err
	}
	n, err := d.lookup("rename", from)
	if err == nil {
		d.change(change{kind: rename, inode: n, path: from, to: to})
	}
	return err
}

// Remove implements durable.FS.
func (d *Disk) Remove(path string) error {
	if err := d.call("remove", path); err != nil {
		return err
	}
	n, err := d.lookup("remove", path)
	if err == nil {
		d.change(change{kind: unlink, inode: n, path: path})
	}
	return err
}

// Mkdir implements durable.FS.
func (d *Disk) Mkdir(path string, _ fs.FileMode) error {
	if err := d.call("mkdir", path); err != nil {
		return err
	}
	if _, err := d.lookup("mkdir", path); err == nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.EEXIST}
	}
	d.create(path, nil)
	return nil
}

// ReadDir implements durable.FS.
func (d *Disk) ReadDir(dir string) (entries []fs.DirEntry, err error) {
	if err := d.call("readdir", dir); err != nil {
		return nil, err
	}
	if _, err := d.lookup("readdir", dir); err != nil {
		return nil, err
	}
	for path, n := range d.names {
		if filepath.Dir(path) == dir {
			entries = append(entries, fs.FileInfoToDirEntry(info{path, n, int64(len(d.content[n])), d.content[n] == nil}))
		}
	}
	return entries, nil
}

// Stat implements durable.FS.
func (d *Disk) Stat(path string) (fs.FileInfo, error) {
	if err := d.call("stat", path); err != nil {
		return nil, err
	}
	if path == "/" {
		return info{path: path, isDir: true}, nil
	}
	n, err := d.lookup("stat", path)
	if err != nil {
		return nil, err
	}
	return info{path, n, int64(len(d.content[n])), d.content[n] == nil}, nil
}

// SameFile implements durable.FS.
func (d *Disk) SameFile(a, b fs.FileInfo) bool { return a.(info).inode == b.(info).inode }

// TryLock implements durable.FS. It always succeeds, because a disk has one process.
func (d *Disk) TryLock(path string, flag int) (durable.Lock, bool, error) {
	if err := d.call("lock", path); err != nil {
		return nil, false, err
	}
	opened, err := d.open(path, flag)
	if err != nil {
		return nil, false, err
	}
	return opened, true, nil
}

// Incarnation implements durable.FS. Each disk that Cut returns has another one.
func (d *Disk) Incarnation(string) durable.Incarnation {
	return durable.Incarnation{Boot: "boot " + strconv.Itoa(d.boot), Mount: "mount"}
}

// inDir reports whether path is an entry of dir.
func inDir(path, dir string) bool {
	return strings.TrimSuffix(filepath.Dir(path), "/") == strings.TrimSuffix(dir, "/")
}
