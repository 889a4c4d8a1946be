//go:build !linux

package watcher

import "runtime"

// notifyMode is named after the system, because fsnotify hides the kind of notifications: kqueue on macOS and the BSDs,
// ReadDirectoryChangesW on Windows.
const notifyMode = runtime.GOOS + " notifications"

// doubleWatch is set for inotify only. On other systems a watch on a directory includes its files.
const doubleWatch = false

// remoteFilesystem knows no file systems on these systems. The recheck finds directories without notifications.
func remoteFilesystem(string) string { return "" }
