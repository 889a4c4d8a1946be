//go:build !linux

package watcher

import "runtime"

// notifyMode is named after the system, whose notifications fsnotify hides: kqueue on macOS and the BSDs,
// ReadDirectoryChangesW on Windows.
const notifyMode = runtime.GOOS + " notifications"

// doubleWatch is for inotify alone: elsewhere a watch on a directory is one on its files, too.
const doubleWatch = false

// remoteFilesystem knows no file systems here: the backstop finds out where notifications do not come.
func remoteFilesystem(string) string { return "" }
