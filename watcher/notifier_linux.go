package watcher

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// notificationBuffer is the number of bytes of notifications that are fetched at once: about 1000 of them. The kernel
// merges equal ones that have not been fetched.
const notificationBuffer = 64 << 10

// inotify is the Notifier of Linux, with the notifications of fsnotify. It passes them on by calls, because the
// hand-over by fsnotify's channel wakes another thread (see scripts/docs/benchmark.md).
type inotify struct {
	fd   int
	root int // watch descriptor of the root directory, for Close

	closed  atomic.Bool
	reading sync.Mutex // held while Run reads fd, and while Close closes it

	mu    sync.Mutex
	paths map[int]string // by watch descriptor; guarded by mu
}

func systemNotifier() (Notifier, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	root, err := unix.InotifyAddWatch(fd, "/", unix.IN_DELETE_SELF)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &inotify{fd: fd, root: root, paths: make(map[int]string)}, nil
}

// Add implements Notifier.
func (n *inotify) Add(path string) error {
	const mask = unix.IN_CREATE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_DELETE | unix.IN_DELETE_SELF |
		unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_MOVE_SELF
	n.mu.Lock()
	defer n.mu.Unlock()
	wd, err := unix.InotifyAddWatch(n.fd, path, mask)
	if err == nil && n.paths[wd] == "" {
		n.paths[wd] = path
	}
	return err
}

// Remove implements Notifier.
func (n *inotify) Remove(path string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for wd, p := range n.paths {
		if p == path {
			delete(n.paths, wd)
			_, err := unix.InotifyRmWatch(n.fd, uint32(wd))
			return err
		}
	}
	return fsnotify.ErrNonExistentWatch
}

// Events implements Notifier. Run passes on the notifications instead.
func (n *inotify) Events() <-chan fsnotify.Event { return nil }

// Errors implements Notifier. Run passes on the errors instead.
func (n *inotify) Errors() <-chan error { return nil }

// Run implements caller.
func (n *inotify) Run(notify func(fsnotify.Event, error)) {
	buf := make([]byte, notificationBuffer)
	for {
		fetched, err := n.fetch(buf)
		switch {
		case err != nil:
			notify(fsnotify.Event{}, fmt.Errorf("read notifications: %w", err))
			return
		case fetched == nil:
			return
		}
		for len(fetched) >= unix.SizeofInotifyEvent {
			size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(fetched[12:]))
			n.pass(fetched[:size], notify)
			fetched = fetched[size:]
		}
	}
}

// fetch waits for notifications and returns them, or nil once Close is called.
func (n *inotify) fetch(buf []byte) ([]byte, error) {
	n.reading.Lock()
	defer n.reading.Unlock()
	for !n.closed.Load() {
		size, err := unix.Read(n.fd, buf)
		if err == nil {
			return buf[:size], nil
		}
		if err != unix.EINTR {
			return nil, err
		}
	}
	return nil, nil
}

// pass passes on one notification (struct inotify_event).
func (n *inotify) pass(raw []byte, notify func(fsnotify.Event, error)) {
	wd, mask := int(int32(binary.NativeEndian.Uint32(raw))), binary.NativeEndian.Uint32(raw[4:])
	if mask&unix.IN_Q_OVERFLOW != 0 {
		notify(fsnotify.Event{}, fsnotify.ErrEventOverflow)
		return
	}
	n.mu.Lock()
	name, ok := n.paths[wd]
	if mask&(unix.IN_IGNORED|unix.IN_UNMOUNT|unix.IN_DELETE_SELF) != 0 {
		delete(n.paths, wd)
	}
	n.mu.Unlock()
	if op := operationOf(mask); ok && op != 0 {
		if entry := strings.TrimRight(string(raw[unix.SizeofInotifyEvent:]), "\x00"); entry != "" {
			name += "/" + entry
		}
		notify(fsnotify.Event{Name: name, Op: op}, nil)
	}
}

// operationOf returns the operation that fsnotify has for a mask.
func operationOf(mask uint32) (op fsnotify.Op) {
	for _, each := range []struct {
		mask uint32
		op   fsnotify.Op
	}{
		{unix.IN_CREATE | unix.IN_MOVED_TO, fsnotify.Create},
		{unix.IN_MODIFY, fsnotify.Write},
		{unix.IN_DELETE | unix.IN_DELETE_SELF, fsnotify.Remove},
		{unix.IN_MOVED_FROM | unix.IN_MOVE_SELF, fsnotify.Rename},
		{unix.IN_ATTRIB, fsnotify.Chmod},
	} {
		if mask&each.mask != 0 {
			op |= each.op
		}
	}
	return op
}

// Close implements Notifier. The end of a watch is a notification, which ends a read. Close waits for that, but not for
// a call of notify.
func (n *inotify) Close() error {
	if n.closed.Swap(true) {
		return nil
	}
	_, _ = unix.InotifyRmWatch(n.fd, uint32(n.root))
	n.reading.Lock()
	defer n.reading.Unlock()
	return unix.Close(n.fd)
}
