//go:build linux

package watcher

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNotifierDoesNotWaitForItsErrors renames a watched file and deletes it before fsnotify sees either. fsnotify then
// sends an error and holds its lock meanwhile.
func TestNotifierDoesNotWaitForItsErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	n, err := systemNotifier()
	if err != nil {
		t.Fatal(err)
	}
	rename := func() error { return os.Rename(file, file+".old") }
	remove := func() error { return os.Remove(file + ".old") }
	write := func() error { return os.WriteFile(file, []byte("x"), 0o600) }
	add := func() error { return n.Add(file) }
	for _, step := range []func() error{write, add, write, rename, remove} { // the second write blocks fsnotify
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		for range n.Events() {
		}
	}()
	done := make(chan error)
	go func() {
		for len(n.Errors()) == 0 {
			n.Add(dir)
		}
		done <- <-n.Errors()
		n.Close()
		close(done)
	}()
	select {
	case err := <-done:
		if !errors.Is(err, unix.EINVAL) {
			t.Errorf("the error is %v, want EINVAL", err)
		}
		<-done
	case <-time.After(time.Minute):
		t.Error("Add waits for the error to be received")
	}
}
