package watcher

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// notificationBuffer is the number of bytes of notifications that are fetched at once: about 1000 of them.
const notificationBuffer = 64 << 10

const (
	// folderMask is what fsnotify watches, and fileMask the part of it that concerns a file in the folder.
	folderMask = fileMask | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_MOVE_SELF
	fileMask   = unix.IN_MODIFY | unix.IN_ATTRIB
)

// linuxNotifier is fsnotify, and beside it an inotify descriptor for one folder. fsnotify passes each notification on
// over a channel, and Go wakes another thread for that.
type linuxNotifier struct {
	fsNotifier
	folder string // "" before AddDirect
	fd     int    // valid if folder is set
	wake   int    // watch descriptor of the root directory; its removal ends a read of fd

	closed  atomic.Bool
	reading sync.Mutex // held while fd is read or closed

	mu    sync.Mutex
	paths map[int]string // of folder and of files in it, by watch descriptor; guarded by mu

	entry, entryPath string // the newest entry of folder that was announced, and its path; guarded by mu
}

func systemNotifier() (Notifier, error) {
	n, err := newFSNotifier()
	if err != nil {
		return nil, err
	}
	return &linuxNotifier{fsNotifier: n, paths: make(map[int]string)}, nil
}

// AddDirect implements directNotifier.
func (n *linuxNotifier) AddDirect(folder string) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return err
	}
	n.fd = fd
	if n.wake, err = unix.InotifyAddWatch(fd, "/", unix.IN_DELETE_SELF); err == nil {
		err = n.add(folder, folderMask)
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	n.folder = folder
	return nil
}

// Add implements Notifier.
func (n *linuxNotifier) Add(path string) error {
	if n.folder == "" || filepath.Dir(path) != n.folder {
		return n.fsNotifier.Add(path)
	}
	return n.add(path, fileMask)
}

func (n *linuxNotifier) add(path string, mask uint32) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	wd, err := unix.InotifyAddWatch(n.fd, path, mask)
	if err == nil {
		n.paths[wd] = path
	}
	return err
}

// Remove implements Notifier.
func (n *linuxNotifier) Remove(path string) (err error) {
	if n.folder == "" || filepath.Dir(path) != n.folder {
		return n.fsNotifier.Remove(path)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for wd, p := range n.paths {
		if p == path {
			delete(n.paths, wd)
			_, err = unix.InotifyRmWatch(n.fd, uint32(wd))
		}
	}
	return err
}

// RunDirect implements directNotifier.
func (n *linuxNotifier) RunDirect(notify func([]fsnotify.Event, error)) {
	buf := make([]byte, notificationBuffer)
	var evs []fsnotify.Event
	for {
		fetched, err := n.fetch(buf)
		if err != nil {
			notify(nil, err)
		}
		if fetched == nil {
			return
		}
		evs, err = n.translateAll(evs[:0], fetched)
		notify(evs, nil)
		if err != nil {
			notify(nil, err)
		}
	}
}

// fetch waits for notifications and returns them, or nil once Close is called.
func (n *linuxNotifier) fetch(buf []byte) ([]byte, error) {
	n.reading.Lock()
	defer n.reading.Unlock()
	for !n.closed.Load() {
		size, err := unix.Read(n.fd, buf)
		if err == nil {
			return buf[:size], nil
		}
		if err != unix.EINTR {
			return nil, fmt.Errorf("read notifications: %w", err)
		}
	}
	return nil, nil
}

// Waiting implements directNotifier.
func (n *linuxNotifier) Waiting() bool {
	size, err := unix.IoctlGetInt(n.fd, unix.TIOCINQ) // FIONREAD, see inotify(7)
	return err == nil && size > 0
}

// translateAll appends all notifications of interest to evs. The error is fsnotify.ErrEventOverflow if there are more.
func (n *linuxNotifier) translateAll(evs []fsnotify.Event, fetched []byte) (_ []fsnotify.Event, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(fetched) >= unix.SizeofInotifyEvent {
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(fetched[12:]))
		if binary.NativeEndian.Uint32(fetched[4:])&unix.IN_Q_OVERFLOW != 0 {
			err = fsnotify.ErrEventOverflow
		} else if ev := n.translate(fetched[:size]); ev.Op != 0 {
			evs = append(evs, ev)
		}
		fetched = fetched[size:]
	}
	return evs, err
}

// translate returns a notification (struct inotify_event) in fsnotify's terms, without operations if it is of no
// interest. The end of the folder's watch is its removal: it was deleted or unmounted. The caller holds n.mu.
func (n *linuxNotifier) translate(raw []byte) fsnotify.Event {
	wd, mask := int(int32(binary.NativeEndian.Uint32(raw))), binary.NativeEndian.Uint32(raw[4:])
	path, ok := n.paths[wd]
	if !ok {
		return fsnotify.Event{}
	}
	if mask&unix.IN_IGNORED != 0 {
		delete(n.paths, wd)
		if path == n.folder {
			return fsnotify.Event{Name: path, Op: fsnotify.Remove}
		}
		return fsnotify.Event{}
	}
	if entry := bytes.TrimRight(raw[unix.SizeofInotifyEvent:], "\x00"); len(entry) > 0 {
		if string(entry) != n.entry {
			n.entry, n.entryPath = string(entry), filepath.Join(n.folder, string(entry))
		}
		path = n.entryPath
	}
	return fsnotify.Event{Name: path, Op: operationOf(mask)}
}

// operationOf returns the operations that fsnotify has for a mask.
func operationOf(mask uint32) (op fsnotify.Op) {
	for _, each := range []struct {
		mask uint32
		op   fsnotify.Op
	}{
		{unix.IN_CREATE | unix.IN_MOVED_TO, fsnotify.Create},
		{unix.IN_MODIFY, fsnotify.Write},
		{unix.IN_DELETE, fsnotify.Remove},
		{unix.IN_MOVED_FROM | unix.IN_MOVE_SELF, fsnotify.Rename},
		{unix.IN_ATTRIB, fsnotify.Chmod},
	} {
		if mask&each.mask != 0 {
			op |= each.op
		}
	}
	return op
}

// Close implements Notifier. It waits for a read of the descriptor, but not for a call of notify, which may be its
// caller.
func (n *linuxNotifier) Close() error {
	if !n.closed.Swap(true) && n.folder != "" {
		_, _ = unix.InotifyRmWatch(n.fd, uint32(n.wake)) // its notification ends the read
		n.reading.Lock()
		unix.Close(n.fd)
		n.reading.Unlock()
	}
	return n.fsNotifier.Close()
}
