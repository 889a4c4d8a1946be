package eventlog_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// TestSequenceNumbersAreNeverReused ends a log in ways after which the last assigned number may be unknown.
func TestSequenceNumbersAreNeverReused(t *testing.T) {
	for name, tc := range map[string]struct {
		closed  bool                           // before change
		change  func(t *testing.T, dir string) // nil if nothing changes
		skipped bool                           // Open skips sequence numbers
	}{
		"closed":                      {closed: true},
		"killed":                      {},
		"system crash":                {change: changeBootID, skipped: true},
		"system restart after close":  {closed: true, change: changeBootID},
		"journal deleted after close": {closed: true, change: deleteJournal},
		"checkpoint damaged":          {change: damageCheckpoint, skipped: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, eventlog.Options{})
			last := l.Append(numbered(t, 1), numbered(t, 2))[1].Position
			if tc.closed {
				l.Close()
			}
			crashed := copyDir(t, dir)
			if tc.change != nil {
				tc.change(t, crashed)
			}
			second := open(t, crashed, eventlog.Options{})
			next := second.Append(numbered(t, 3))[0].Position
			if next.Epoch != last.Epoch || next.Seq <= last.Seq || (next.Seq > last.Seq+1) != tc.skipped {
				t.Fatalf("next position after %v = %v, want skipped numbers: %v", last, next, tc.skipped)
			}
			gap := eventlog.Gap{Since: last, Until: schema.Position{Epoch: next.Epoch, Seq: next.Seq - 1}}
			if n, known := gap.Missing(); known == tc.skipped {
				t.Errorf("Missing between %v and %v = %d, %v", last, next, n, known)
			}
			second.Close()
			third := open(t, crashed, eventlog.Options{})
			if got := third.Append(numbered(t, 4))[0].Position; got.Seq != next.Seq+1 {
				t.Errorf("after an orderly restart: next position after %v = %v", next, got)
			}
		})
	}
}

func deleteJournal(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "journal.ndjson")); err != nil {
		t.Fatal(err)
	}
}

func damageCheckpoint(t *testing.T, dir string) {
	t.Helper()
	writeCheckpoint(t, dir, []byte("{"))
}

func writeCheckpoint(t *testing.T, dir string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "state.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// changeBootID replaces the boot ID in a checkpoint.
func changeBootID(t *testing.T, dir string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	writeCheckpoint(t, dir, bytes.ReplaceAll(content, bytes.TrimSpace(boot), []byte("another")))
}
