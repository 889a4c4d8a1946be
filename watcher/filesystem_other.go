//go:build !linux

package watcher

import "runtime"

// notifyMode is named after the system, whose notifications fsnotify hides: kqueue on macOS and the BSDs,
// ReadDirectoryChangesW on Windows.
const notifyMode = Mode(runtime.GOOS + " notifications")

// remoteFilesystem knows no file systems here: the backstop finds out where notifications do not come.
func remoteFilesystem(string) string { return "" }
