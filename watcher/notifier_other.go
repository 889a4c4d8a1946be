//go:build !linux

package watcher

func systemNotifier() (Notifier, error) { return newFSNotifier() }
