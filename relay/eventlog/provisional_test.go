package eventlog_test

import (
	"os"
	"path/filepath"
	"testing"

	"wpre-relay/relay/eventlog"
)

// TestProvisionalLogLeavesNoTrace ends a new log that was not confirmed, with and without records. The next log in the
// same directory is a new one.
func TestProvisionalLogLeavesNoTrace(t *testing.T) {
	for name, tc := range map[string]struct{ records, killed bool }{
		"closed":              {},
		"closed with records": {records: true},
		"killed":              {killed: true},
		"killed with records": {records: true, killed: true},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			dir := filepath.Join(base, "a", "b")
			l := open(t, dir, eventlog.Options{Provisional: true, Records: 2})
			if tc.records {
				l.Append(numbered(t, 1), numbered(t, 2))
				l.Append(numbered(t, 3)) // in a second segment
			}
			beside := filepath.Join(dir, "published")
			if err := os.WriteFile(beside, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if tc.killed {
				dir = copyDir(t, dir)
			} else if l.Close(); exists(filepath.Join(base, "a")) {
				t.Errorf("the directory of a discarded log remains")
			}
			next := open(t, dir, eventlog.Options{})
			if !next.Created() || next.Head().Epoch == l.Head().Epoch || next.Head().Seq != 0 {
				t.Errorf("next log: created %v, head %v; want a new log", next.Created(), next.Head())
			}
		})
	}
}

func TestDiscardedLogKeepsForeignFiles(t *testing.T) {
	dir := makeDir(t, map[string][]byte{"notes": nil})
	open(t, dir, eventlog.Options{Provisional: true}).Close()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v; want only the file that existed before", entries, err)
	}
}

// TestConfirmedLogIsKept also opens an existing log as provisional, which has no effect.
func TestConfirmedLogIsKept(t *testing.T) {
	for _, killed := range []bool{false, true} {
		dir := t.TempDir()
		l := open(t, dir, eventlog.Options{Provisional: true})
		l.Append(numbered(t, 1))
		l.Confirm()
		for range 2 {
			if killed {
				dir = copyDir(t, dir)
			} else {
				l.Close()
			}
			next := open(t, dir, eventlog.Options{Provisional: true})
			if next.Created() || next.Head() != l.Head() {
				t.Errorf("killed %v: created %v, head %v; want the log at %v", killed, next.Created(), next.Head(), l.Head())
			}
			l = next
		}
	}
}

// TestStateOfEarlierReleaseKeepsItsEpoch opens directories that release 1.0 wrote: after an orderly stop, after a kill,
// and after a first start that failed because the port was in use.
func TestStateOfEarlierReleaseKeepsItsEpoch(t *testing.T) {
	for name, want := range map[string]struct {
		epoch   string
		records int
	}{
		"stopped":  {"xpqtagez", 2},
		"killed":   {"xpqtagez", 2},
		"unserved": {"7johjylg", 0},
	} {
		dir := copyDir(t, filepath.Join("..", "..", "testdata", "state", name))
		l := open(t, dir, eventlog.Options{Provisional: true})
		if l.Created() || l.Head().Epoch != want.epoch || len(l.Records()) != want.records {
			t.Errorf("%s: created %v, head %v, %d records; want epoch %s and %d records",
				name, l.Created(), l.Head(), len(l.Records()), want.epoch, want.records)
		}
		l.Close()
		if next := open(t, dir, eventlog.Options{}); next.Created() || next.Head().Epoch != want.epoch {
			t.Errorf("%s, after a failed start: created %v, head %v", name, next.Created(), next.Head())
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
