//go:build unix

package watcher

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// keepOpen says that a file that is open can be deleted, renamed and replaced.
const keepOpen = true

// file is the descriptor of an open file. Its methods call the kernel directly: the faster one read is, the more of the
// contents in a burst are seen, and os.File does more than this package needs.
type file int

// openFile opens path for reading. It does not block on a FIFO.
func openFile(path string) (file, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			return file(fd), nil
		}
		if err != unix.EINTR {
			return -1, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// readAt reads once. At the end of the file it returns 0 and no error.
func (f file) readAt(p []byte, offset int64) (int, error) {
	for {
		n, err := unix.Pread(int(f), p, offset)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// awaitWriter waits for a write in progress: SEEK_DATA takes the lock that a write holds (ext4, btrfs, tmpfs; XFS takes
// that lock for reads too). On other file systems it does nothing.
func (f file) awaitWriter() {
	const seekData = 3 // SEEK_DATA, lseek(2)
	_, _ = unix.Seek(int(f), 0, seekData)
}

// state returns the state of the open file.
func (f file) state() (fileState, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f), &st); err != nil {
		return fileState{}, err
	}
	return fileState{
		fileVersion: versionFrom(&st),
		regular:     st.Mode&unix.S_IFMT == unix.S_IFREG,
		links:       uint64(st.Nlink),
		mode:        uint32(st.Mode),
		uid:         st.Uid,
		gid:         st.Gid,
	}, nil
}

func (f file) close() { unix.Close(int(f)) }

// versionOf returns the version of the file at path.
func versionOf(path string) (fileVersion, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fileVersion{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return versionFrom(&st), nil
}

func versionFrom(st *unix.Stat_t) fileVersion {
	return fileVersion{uint64(st.Dev), uint64(st.Ino), st.Size, st.Mtim.Nano()}
}
