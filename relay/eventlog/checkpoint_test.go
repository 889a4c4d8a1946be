package eventlog_test

import (
	"os"
	"path/filepath"
	"testing"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/eventlog"
)

// incarnated is the operating system's file system, with another identifier of the boot and the mount.
type incarnated struct {
	durable.FS
	incarnation durable.Incarnation
}

func (f incarnated) Incarnation(string) durable.Incarnation { return f.incarnation }

var thisBoot = durable.Incarnation{Boot: "boot 1", Mount: "mount 1"}

// endings are the ways in which a log with two records ends, after which the last assigned number may be unknown.
var endings = map[string]struct {
	closed   bool                           // before change
	change   func(t *testing.T, dir string) // nil if nothing changes
	next     durable.Incarnation
	skipped  bool // Open skips sequence numbers
	newEpoch bool // Open begins a new epoch
}{
	"closed":                         {closed: true, next: thisBoot},
	"killed":                         {next: thisBoot},
	"system crash":                   {next: durable.Incarnation{Boot: "boot 2", Mount: "mount 1"}, skipped: true},
	"killed, mounted again":          {next: durable.Incarnation{Boot: "boot 1", Mount: "mount 2"}, skipped: true},
	"killed, boot unknown":           {skipped: true},
	"killed, journal deleted":        {change: deleteFile("journal.ndjson"), next: thisBoot, skipped: true},
	"system restart after close":     {closed: true, next: durable.Incarnation{Boot: "boot 2"}},
	"journal deleted after close":    {closed: true, change: deleteFile("journal.ndjson"), next: thisBoot},
	"killed, checkpoint damaged":     {change: damageCheckpoint, next: thisBoot, newEpoch: true},
	"killed, checkpoint deleted":     {change: deleteFile("state.json"), next: thisBoot, newEpoch: true},
	"checkpoint deleted after close": {closed: true, change: deleteFile("state.json"), next: thisBoot, newEpoch: true},
}

func TestSequenceNumbersAreNeverReused(t *testing.T) {
	for name, tc := range endings {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, eventlog.Options{FS: incarnated{durable.OS, thisBoot}})
			last := l.Append(numbered(t, 1), numbered(t, 2))[1].Position
			if tc.closed {
				l.Close()
			}
			ended := copyDir(t, dir)
			if tc.change != nil {
				tc.change(t, ended)
			}
			second := open(t, ended, eventlog.Options{FS: incarnated{durable.OS, tc.next}})
			next := second.Append(numbered(t, 3))[0].Position
			if (next.Epoch != last.Epoch) != tc.newEpoch || next.Seq <= last.Seq || (next.Seq > last.Seq+1) != tc.skipped {
				t.Fatalf("next position after %v = %v, want skipped: %v, new epoch: %v", last, next, tc.skipped, tc.newEpoch)
			}
			_, gap := second.Resume(last)
			if tc.skipped {
				gap = new(second.Gap(last, second.Head(), false))
			}
			if (gap != nil) != (tc.skipped || tc.newEpoch) {
				t.Errorf("a client at %v gets the gap %v", last, gap)
			} else if gap != nil && !gap.Uncounted {
				t.Errorf("the gap after %v has a number of events", last)
			}
			second.Close()
			third := open(t, ended, eventlog.Options{FS: incarnated{durable.OS, tc.next}})
			if got := third.Append(numbered(t, 4))[0].Position; got.Epoch != next.Epoch || got.Seq != next.Seq+1 {
				t.Errorf("after an orderly restart: next position after %v = %v", next, got)
			}
		})
	}
}

// TestRecordsSurviveTheirCheckpoint deletes the checkpoint of a journal of two files. The records stay, in a new epoch.
func TestRecordsSurviveTheirCheckpoint(t *testing.T) {
	files, want := twoSegments(t)
	delete(files, "state.json")
	l := open(t, makeDir(t, files), eventlog.Options{Records: 100})
	recs := l.Records()
	if len(recs) != len(want) {
		t.Fatalf("%d records, want %d", len(recs), len(want))
	}
	for _, rec := range recs {
		if rec.Position.Epoch != l.Epoch() {
			t.Errorf("record %v is not in the log's epoch %s", rec.Position, l.Epoch())
		}
	}
}

func deleteFile(name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func damageCheckpoint(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStateOfEarlierReleaseIsContinued opens directories that release 1.0 wrote (commit 6c28bc5), with two segments
// and six records: after an orderly stop, after a kill, and after a kill with a system crash.
func TestStateOfEarlierReleaseIsContinued(t *testing.T) {
	const boot = "7ad6777d-c8cf-44cc-8a50-5b883d97211e"
	for name, tc := range map[string]struct {
		dir  string
		now  durable.Incarnation
		next string
	}{
		"stopped":      {"stopped", durable.Incarnation{Boot: boot, Mount: "m"}, "drg2m7ya-7"},
		"restarted":    {"stopped", durable.Incarnation{Boot: "another"}, "drg2m7ya-7"},
		"killed":       {"killed", durable.Incarnation{Boot: boot, Mount: "m"}, "dmoc6cbu-7"},
		"system crash": {"killed", durable.Incarnation{Boot: "another"}, "dmoc6cbu-1048583"},
	} {
		l := open(t, copyDir(t, filepath.Join("testdata", "earlier", tc.dir)),
			eventlog.Options{Records: 6, FS: incarnated{durable.OS, tc.now}})
		if got := seqs(t, l, 0); len(got) != 6 || got[0] != 1 || l.Created() {
			t.Errorf("%s: records %v, want 1 to 6", name, got)
		}
		if got := l.Append(numbered(t, 1))[0].Position.String(); got != tc.next {
			t.Errorf("%s: next position %s, want %s", name, got, tc.next)
		}
		if gap := l.Gap(l.At(2), l.Head(), false); gap.Uncounted != (name == "system crash") {
			t.Errorf("%s: the number of events is unknown: %v", name, gap.Uncounted)
		}
	}
}
