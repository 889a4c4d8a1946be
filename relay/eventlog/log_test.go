package eventlog_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wpre-relay/relay/durable/durabletest"
	"wpre-relay/relay/eventlog"
)

func TestRecordsSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{})
	for n := range 10 {
		l.Append(numbered(t, n), numbered(t, 100+n))
	}
	want := records(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	reopened := open(t, dir, eventlog.Options{})
	if got := records(reopened); len(got) != 20 || !slices.Equal(got, want) {
		t.Errorf("after restart: %d records %q, want %d %q", len(got), got, len(want), want)
	}
	if got := reopened.Append(numbered(t, 7))[0].Position; got.Epoch != l.Head().Epoch || got.Seq != 21 {
		t.Errorf("next position = %v, want number 21 of the same epoch", got)
	}
}

// TestRecordIsInTheJournalBeforeItIsRead reads the log before each change of the disk: no reader has the record that is
// being written.
func TestRecordIsInTheJournalBeforeItIsRead(t *testing.T) {
	disk := durabletest.NewDisk(durabletest.Model{Piece: 512})
	l, err := eventlog.Open("/var/state", eventlog.Options{Records: 4, FS: disk, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	written, changes := uint64(0), 0
	disk.OnChange = func() {
		changes++
		if head := l.Head().Seq; head > written {
			t.Errorf("record %d is read before it is written", head)
		}
	}
	for range 20 {
		l.Append(numbered(t, int(written)))
		written++
	}
	if changes < int(written) {
		t.Errorf("%d changes for %d records", changes, written)
	}
}

func TestEveryNewLogHasItsOwnEpoch(t *testing.T) {
	a, b := open(t, t.TempDir(), eventlog.Options{}), open(t, t.TempDir(), eventlog.Options{})
	if a.Head().Epoch == b.Head().Epoch || a.Head().Seq != 0 {
		t.Errorf("heads of two new logs: %v and %v", a.Head(), b.Head())
	}
	if !a.Created() {
		t.Error("Created = false for a new log")
	}
}

// TestKillAtAnyByteKeepsCompleteRecords truncates a journal at every byte. Open keeps the complete records, and a
// later Append writes a complete record behind them.
func TestKillAtAnyByteKeepsCompleteRecords(t *testing.T) {
	t.Parallel()
	files, want := journalOf(t, 5)
	content := files["journal.ndjson"]
	for n := range content {
		files["journal.ndjson"] = content[:n]
		dir := makeDir(t, files)
		complete := bytes.Count(content[:n], []byte("\n"))
		l := open(t, dir, eventlog.Options{})
		if got := records(l); !slices.Equal(got, want[:complete]) {
			t.Fatalf("first %d bytes: got %q, want %q", n, got, want[:complete])
		}
		l.Append(numbered(t, 99))
		appended := records(l)
		l.Close()
		if got := records(open(t, dir, eventlog.Options{})); !slices.Equal(got, appended) {
			t.Fatalf("first %d bytes and one more record: got %q, want %q", n, got, appended)
		}
	}
}

func TestLockRejectsSecondRelay(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{})
	_, err := eventlog.Open(dir, eventlog.Options{Logger: quiet})
	if err == nil {
		t.Fatal("Open succeeds twice for one directory")
	}
	for _, want := range []string{dir, fmt.Sprint(os.Getpid()), "--state-dir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not contain %q", err, want)
		}
	}
	l.Close()
	open(t, dir, eventlog.Options{})
}

func TestOpenErrorNamesStateDirFlag(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := eventlog.Open(filepath.Join(file, "state"), eventlog.Options{Logger: quiet})
	if err == nil || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("directory below a file: error = %v, want one that names --state-dir", err)
	}
}

// FuzzJournal opens any journal, appends a record, and wants the same records after a restart.
func FuzzJournal(f *testing.F) {
	files, _ := journalOf(f, 2)
	content := files["journal.ndjson"]
	f.Add(content)
	f.Add(content[:len(content)-1])
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := makeDir(t, map[string][]byte{"journal.ndjson": content})
		l := open(t, dir, eventlog.Options{Records: 8})
		rec := l.Append(numbered(t, 3))[0]
		if l.Head() != rec.Position {
			t.Fatalf("Head = %v after Append at %v", l.Head(), rec.Position)
		}
		want := records(l)
		l.Close()
		if got := records(open(t, dir, eventlog.Options{Records: 8})); !slices.Equal(got, want) {
			t.Fatalf("after restart: got %q, want %q", got, want)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, b.TempDir(), eventlog.Options{})
	ev := numbered(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		l.Append(ev)
	}
}
