//go:build !unix

package watcher

import (
	"errors"
	"io"
	"os"
)

// keepOpen says that a file that is open can be deleted, renamed and replaced. Windows refuses that.
const keepOpen = false

// file is an open file.
type file struct{ *os.File }

// openFile opens path for reading.
func openFile(path string) (file, error) {
	f, err := os.Open(path)
	return file{f}, err
}

// readAt reads once. At the end of the file it returns 0 and no error.
func (f file) readAt(p []byte, offset int64) (int, error) {
	n, err := f.ReadAt(p, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// awaitWriter does nothing. These systems have no call that waits for a write in progress.
func (f file) awaitWriter() {}

// state returns the state of the open file. It leaves the number of links, the mode and the owner zero.
func (f file) state() (fileState, error) {
	info, err := f.Stat()
	if err != nil {
		return fileState{}, err
	}
	return fileState{fileVersion: versionFrom(info), regular: info.Mode().IsRegular()}, nil
}

func (f file) close() { f.Close() }

// versionOf returns the version of the file at path.
func versionOf(path string) (fileVersion, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileVersion{}, err
	}
	return versionFrom(info), nil
}

// versionFrom leaves the device and inode numbers zero. A file that replaces another differs from it in time.
func versionFrom(info os.FileInfo) fileVersion {
	return fileVersion{size: info.Size(), modified: info.ModTime().UnixNano()}
}
