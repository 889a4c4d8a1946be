package watcher

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// TestInotifyNotifiesLikeFsnotify makes random changes in a directory that both watch.
func TestInotifyNotifiesLikeFsnotify(t *testing.T) {
	dir := t.TempDir()
	theirs, err1 := newFSNotifier()
	ours, err2 := systemNotifier()
	if err := errors.Join(err1, err2, theirs.Add(dir), ours.Add(dir)); err != nil {
		t.Fatal(err)
	}
	got := make(chan fsnotify.Event, 1<<12)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ours.(caller).Run(func(ev fsnotify.Event, _ error) { got <- ev })
	}()
	end := filepath.Join(dir, "end")
	for range 300 {
		change(t, filepath.Join(dir, string('a'+rune(rand.IntN(3)))), filepath.Join(dir, "d"))
	}
	if err := os.Mkdir(end, 0o700); err != nil {
		t.Fatal(err)
	}
	want, have := until(t, theirs.Events(), end), until(t, got, end)
	if !slices.Equal(have, want) {
		t.Errorf("got  %v\nwant %v", have, want)
	}
	theirs.Close()
	ours.Close()
	<-done
}

// change makes a random change to a file. Errors are missing files.
func change(t *testing.T, file, other string) {
	t.Helper()
	switch rand.IntN(5) {
	case 0:
		_ = os.WriteFile(file, []byte("x"), 0o600)
	case 1:
		_ = os.Chmod(file, 0o600)
	case 2:
		_ = os.Rename(file, other)
	case 3:
		_ = os.Rename(other, file)
	case 4:
		_ = os.Remove(file)
	}
}

// until returns the notifications up to the first one about the file last. Equal neighbours are returned once, since
// the kernel merges notifications that were not fetched yet.
func until(t *testing.T, events <-chan fsnotify.Event, last string) (all []string) {
	t.Helper()
	limit := time.After(waitLimit)
	for {
		select {
		case ev := <-events:
			all = append(all, ev.Op.String()+" "+ev.Name)
			if ev.Name == last {
				return slices.Compact(all)
			}
		case <-limit:
			t.Fatalf("%s was not announced", last)
		}
	}
}

// TestInotifyCanBeClosedByItsCallee closes a notifier while it notifies, and another one while it waits.
func TestInotifyCanBeClosedByItsCallee(t *testing.T) {
	for _, closeInCall := range []bool{true, false} {
		dir := t.TempDir()
		n, err := systemNotifier()
		if err := errors.Join(err, n.Add(dir)); err != nil {
			t.Fatal(err)
		}
		called, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			n.(caller).Run(func(fsnotify.Event, error) {
				if closeInCall {
					n.Close()
				}
				close(called)
			})
		}()
		if err := os.Mkdir(filepath.Join(dir, "a"), 0o700); err != nil {
			t.Fatal(err)
		}
		<-called
		n.Close()
		<-done
	}
}
