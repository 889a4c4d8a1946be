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

// waitLimit bounds the waits of tests, far above what a busy machine needs.
const waitLimit = time.Minute

// newDirect returns a notifier with a direct folder, and its notifications.
func newDirect(t *testing.T, folder string) (*linuxNotifier, <-chan fsnotify.Event) {
	t.Helper()
	n, err := systemNotifier()
	if err != nil {
		t.Fatal(err)
	}
	direct := n.(*linuxNotifier)
	if err := direct.AddDirect(folder); err != nil {
		t.Fatal(err)
	}
	events, done := make(chan fsnotify.Event, 1<<12), make(chan struct{})
	go func() {
		defer close(done)
		direct.RunDirect(func(evs []fsnotify.Event, _ error) {
			for _, ev := range evs {
				events <- ev
			}
		})
	}()
	t.Cleanup(func() { direct.Close(); <-done })
	return direct, events
}

// TestDirectFolderNotifiesLikeFsnotify makes random changes in a folder that both watch.
func TestDirectFolderNotifiesLikeFsnotify(t *testing.T) {
	dir := t.TempDir()
	theirs, err := newFSNotifier()
	if err := errors.Join(err, theirs.Add(dir)); err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	_, ours := newDirect(t, dir)
	for range 300 {
		change(filepath.Join(dir, string('a'+rune(rand.IntN(3)))), filepath.Join(dir, "d"))
	}
	end := filepath.Join(dir, "end")
	if err := os.Mkdir(end, 0o700); err != nil {
		t.Fatal(err)
	}
	want, have := until(t, theirs.Events(), end), until(t, ours, end)
	if !slices.Equal(have, want) {
		t.Errorf("got  %v\nwant %v", have, want)
	}
}

// change makes a random change to a file, if it exists.
func change(file, other string) {
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
// the kernel merges equal notifications that have not been fetched.
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
			t.Fatalf("%s was not announced: %v", last, all)
		}
	}
}

// TestDirectFolderAnnouncesItsEnd deletes a direct folder, and renames another one.
func TestDirectFolderAnnouncesItsEnd(t *testing.T) {
	for op, end := range map[fsnotify.Op]func(dir string) error{
		fsnotify.Remove: os.Remove,
		fsnotify.Rename: func(dir string) error { return os.Rename(dir, dir+".old") },
	} {
		dir := filepath.Join(t.TempDir(), "folder")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_, events := newDirect(t, dir)
		if err := end(dir); err != nil {
			t.Fatal(err)
		}
		if all := until(t, events, dir); all[len(all)-1] != op.String()+" "+dir {
			t.Errorf("got %v, want %s", all, op)
		}
	}
}

// TestDirectFolderCanBeClosedByItsCallee closes a notifier while it notifies.
func TestDirectFolderCanBeClosedByItsCallee(t *testing.T) {
	dir := t.TempDir()
	n, err := systemNotifier()
	if err != nil {
		t.Fatal(err)
	}
	direct := n.(*linuxNotifier)
	if err := errors.Join(direct.AddDirect(dir), os.Mkdir(filepath.Join(dir, "a"), 0o700)); err != nil {
		t.Fatal(err)
	}
	direct.RunDirect(func([]fsnotify.Event, error) { direct.Close() })
}

// TestDirectFolderNotifiesWithoutAnEventOfInterest waits for the call after which nothing waits, so that OnIdle can be
// called: the end of the watch of a file.
func TestDirectFolderNotifiesWithoutAnEventOfInterest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	n, err := systemNotifier()
	if err := errors.Join(err, os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	direct := n.(*linuxNotifier)
	if err := errors.Join(direct.AddDirect(filepath.Dir(file)), direct.Add(file), direct.Remove(file)); err != nil {
		t.Fatal(err)
	}
	if !direct.Waiting() {
		t.Fatal("no notification waits")
	}
	calls := make(chan int, 1)
	go direct.RunDirect(func(evs []fsnotify.Event, _ error) {
		if !direct.Waiting() {
			calls <- len(evs)
		}
	})
	select {
	case got := <-calls:
		if got != 0 {
			t.Errorf("%d events of interest, want none", got)
		}
	case <-time.After(waitLimit):
		t.Error("notify was not called")
	}
	direct.Close()
}
