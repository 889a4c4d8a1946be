package simulation

import (
	"io/fs"
	"math/rand/v2"
	"sync"
	"syscall"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/durable/durabletest"
)

// fault makes disk calls fail.
type fault struct {
	call string // the calls with this name
	path string // on this file
	left int    // as many of them
	err  syscall.Errno
}

// disk is the disk of one process. It can kill the process, or cut the power, before any change.
type disk struct {
	mu      sync.Mutex // held during each call
	disk    *durabletest.Disk
	fault   fault // guarded by mu
	crashIn int   // the number of changes until onCrash is called; 0: it is not; guarded by mu
	onCrash func()
	failed  bool // a call has failed; guarded by mu
}

func newDisk(inner *durabletest.Disk) *disk {
	d := &disk{disk: inner}
	inner.OnChange = func() {
		if d.crashIn > 0 {
			if d.crashIn--; d.crashIn == 0 {
				d.onCrash()
			}
		}
	}
	inner.Fail = func(_ int, call, path string) error {
		f := &d.fault
		if f.left == 0 || f.call != call || f.path != path {
			return nil
		}
		f.left--
		d.failed = true
		return f.err
	}
	return d
}

// after returns the disk after a kill, or after a power failure that a random part of the unsynced changes survives.
// The caller holds mu.
func (d *disk) after(random *rand.Rand, powerCut bool) *durabletest.Disk {
	if powerCut {
		return d.disk.Cut(random)
	}
	return d.disk.Kill()
}

// lock holds mu until the result is called.
func (d *disk) lock() (unlock func()) {
	d.mu.Lock()
	return d.mu.Unlock
}

// setFault replaces the fault.
func (d *disk) setFault(f fault) {
	defer d.lock()()
	d.fault = f
}

// hasFailed reports whether a call has failed, or can fail yet.
func (d *disk) hasFailed() bool {
	defer d.lock()()
	return d.failed || d.fault.left > 0
}

// The methods below implement durable.FS.

func (d *disk) OpenFile(name string, flag int, mode fs.FileMode) (durable.File, error) {
	defer d.lock()()
	opened, err := d.disk.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return &file{d, opened}, nil
}

func (d *disk) Rename(from, to string) error { defer d.lock()(); return d.disk.Rename(from, to) }
func (d *disk) Remove(name string) error     { defer d.lock()(); return d.disk.Remove(name) }
func (d *disk) SyncDir(name string) error    { defer d.lock()(); return d.disk.SyncDir(name) }

func (d *disk) Mkdir(name string, mode fs.FileMode) error {
	defer d.lock()()
	return d.disk.Mkdir(name, mode)
}

func (d *disk) ReadDir(name string) ([]fs.DirEntry, error) {
	defer d.lock()()
	return d.disk.ReadDir(name)
}

func (d *disk) Stat(name string) (fs.FileInfo, error) { defer d.lock()(); return d.disk.Stat(name) }
func (d *disk) SameFile(a, b fs.FileInfo) bool        { defer d.lock()(); return d.disk.SameFile(a, b) }

func (d *disk) TryLock(name string, flag int) (durable.Lock, bool, error) {
	defer d.lock()()
	held, ok, err := d.disk.TryLock(name, flag)
	if err != nil || !ok {
		return nil, ok, err
	}
	return &heldLock{d, held}, true, nil
}

func (d *disk) Incarnation(dir string) durable.Incarnation {
	defer d.lock()()
	return d.disk.Incarnation(dir)
}

// file is an open file of a disk.
type file struct {
	on   *disk
	file durable.File
}

func (f *file) Read(p []byte) (int, error)  { defer f.on.lock()(); return f.file.Read(p) }
func (f *file) Write(p []byte) (int, error) { defer f.on.lock()(); return f.file.Write(p) }
func (f *file) Truncate(size int64) error   { defer f.on.lock()(); return f.file.Truncate(size) }
func (f *file) Stat() (fs.FileInfo, error)  { defer f.on.lock()(); return f.file.Stat() }
func (f *file) Sync() error                 { defer f.on.lock()(); return f.file.Sync() }
func (f *file) Close() error                { defer f.on.lock()(); return f.file.Close() }

func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	defer f.on.lock()()
	return f.file.ReadAt(p, offset)
}

// heldLock is a lock on a file of a disk.
type heldLock struct {
	on   *disk
	lock durable.Lock
}

func (l *heldLock) Stat() (fs.FileInfo, error) { defer l.on.lock()(); return l.lock.Stat() }
func (l *heldLock) Unlock() error              { defer l.on.lock()(); return l.lock.Unlock() }
