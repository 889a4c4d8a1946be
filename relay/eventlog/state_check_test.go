package eventlog_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/eventlog"
)

// losses are the ways in which another program changes the state directory.
var losses = map[string]func(dir string) error{
	"journal deleted": func(dir string) error { return os.Remove(filepath.Join(dir, "journal.ndjson")) },
	"older segment deleted": func(dir string) error {
		return os.Remove(filepath.Join(dir, "journal.1.ndjson"))
	},
	"journal rotated": func(dir string) error {
		path := filepath.Join(dir, "journal.ndjson")
		if err := os.Rename(path, path+".1"); err != nil {
			return err
		}
		return os.WriteFile(path, nil, 0o600)
	},
	"journal truncated":  func(dir string) error { return os.Truncate(filepath.Join(dir, "journal.ndjson"), 0) },
	"lock deleted":       func(dir string) error { return os.Remove(filepath.Join(dir, "lock")) },
	"checkpoint deleted": func(dir string) error { return os.Remove(filepath.Join(dir, "state.json")) },
	"directory deleted":  os.RemoveAll,
	"directory moved":    func(dir string) error { return os.Rename(dir, dir+".old") },
}

// TestLostStateIsRecreatedWithinASecond changes the files of an open log. A second later, a copy of the directory has
// all records, also those from before the change, and no second relay can start.
func TestLostStateIsRecreatedWithinASecond(t *testing.T) {
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "state")
				l := open(t, dir, eventlog.Options{Records: 4})
				go l.KeepSynced(t.Context())
				for n := range 6 { // two segments
					l.Append(numbered(t, n))
				}
				time.Sleep(10*time.Second + 250*time.Millisecond) // no check runs at the time of the change
				synctest.Wait()                                   // KeepSynced has finished the check of this second
				if status := l.StateStatus(); status.Restored != 0 || status.Problem != nil {
					t.Fatalf("undamaged state: %+v", status)
				}
				if err := lose(dir); err != nil {
					t.Fatal(err)
				}
				l.Append(numbered(t, 6))
				time.Sleep(time.Second)
				l.Append(numbered(t, 7))
				if status := l.StateStatus(); status.Restored != 1 || status.Problem != nil || status.Files == "" {
					t.Errorf("status %+v, want one restoration", status)
				}
				if _, err := eventlog.Open(dir, eventlog.Options{Logger: quiet}); err == nil {
					t.Error("a second relay starts")
				}
				killed := open(t, copyDir(t, dir), eventlog.Options{Records: 4})
				if got, want := records(killed), records(l); !slices.Equal(got, want) {
					t.Errorf("after a kill: records %q, want %q", got, want)
				}
				if killed.Head() != l.Head() {
					t.Errorf("after a kill: head %v, want %v", killed.Head(), l.Head())
				}
				if got := seqs(t, l, 4); !slices.Equal(got, []uint64{5, 6, 7, 8}) {
					t.Errorf("readers get %v, want 5 to 8", got)
				}
			})
		})
	}
}

// TestRestoredStateHasAllRecords puts a file in the place of the state directory, so that no record can be written.
// Once the state counts as restored, a kill loses none of them, although no sync has followed.
func TestRestoredStateHasAllRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		l := open(t, dir, eventlog.Options{})
		go l.KeepSynced(t.Context())
		if err := os.Rename(dir, dir+".old"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		l.Append(numbered(t, 0))
		time.Sleep(600 * time.Millisecond) // after the first check
		l.Append(numbered(t, 1), numbered(t, 2))
		time.Sleep(500 * time.Millisecond) // after the first sync
		if l.JournalError() == nil {
			t.Error("JournalError = nil without a state directory")
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond) // after the third check, before the second sync
		if status, err := l.StateStatus(), l.JournalError(); status.Restored != 1 || err != nil {
			t.Errorf("status %+v, %v, want one restoration", status, err)
		}
		killed := open(t, copyDir(t, dir), eventlog.Options{})
		if got, want := records(killed), records(l); !slices.Equal(got, want) {
			t.Errorf("after a kill: records %q, want %q", got, want)
		}
	})
}

// TestSecondRelayCannotStartAfterLockIsDeleted starts it before the first relay has noticed the loss.
func TestSecondRelayCannotStartAfterLockIsDeleted(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, eventlog.Options{})
	if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	_, err := eventlog.Open(dir, eventlog.Options{Logger: quiet})
	if err == nil || !strings.Contains(err.Error(), "in use by another wpre-relay") {
		t.Errorf("got %v, want an error that names the other relay", err)
	}
}

// TestRelayReportsThatAnotherUsesItsState starts a second relay in place of a deleted directory. The first one reports
// it, and does not change the files of the second, also when it stops.
func TestRelayReportsThatAnotherUsesItsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		first := open(t, dir, eventlog.Options{Records: 1})
		first.Append(numbered(t, 1))
		go first.KeepSynced(t.Context())
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		second := open(t, dir, eventlog.Options{})
		second.Append(numbered(t, 2))
		time.Sleep(time.Second)
		first.Append(numbered(t, 3))
		if problem := first.StateStatus().Problem; problem == nil || !strings.Contains(problem.Error(), "in use") {
			t.Errorf("problem %v, want one that names the other relay", problem)
		}
		if first.JournalError() == nil {
			t.Error("JournalError = nil, although the records have no file")
		}
		first.Close()
		killed := open(t, copyDir(t, dir), eventlog.Options{})
		if got, want := records(killed), records(second); !slices.Equal(got, want) || killed.Head() != second.Head() {
			t.Errorf("the second relay's records: %q, want %q", got, want)
		}
	})
}

func TestStateIsRecreatedOnceTheOtherRelayStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		first := open(t, dir, eventlog.Options{})
		first.Append(numbered(t, 1))
		go first.KeepSynced(t.Context())
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		open(t, dir, eventlog.Options{}).Close()
		time.Sleep(time.Second)
		if status := first.StateStatus(); status.Problem != nil || status.Restored != 1 {
			t.Errorf("status %+v, want one restoration", status)
		}
		killed := open(t, copyDir(t, dir), eventlog.Options{})
		if got, want := records(killed), records(first); !slices.Equal(got, want) {
			t.Errorf("records %q, want %q", got, want)
		}
	})
}
