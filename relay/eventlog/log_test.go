//go:build linux

package eventlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

var quiet = slog.New(slog.DiscardHandler)

func event(t testing.TB, doc string) schema.Event {
	t.Helper()
	ev, _, err := schema.Decode([]byte(doc), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func numbered(t testing.TB, n int) schema.Event {
	return event(t, fmt.Sprintf(`{"timestamp":1795426189,"type":"post_saved","post_id":%d}`, n))
}

func open(t testing.TB, dir string, opts eventlog.Options) *eventlog.Log {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = quiet
	}
	l, err := eventlog.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// documents returns what l holds, for comparison.
func documents(l *eventlog.Log) []string {
	var docs []string
	for _, rec := range l.Records() {
		docs = append(docs, rec.Position.String()+" "+rec.Time.String()+" "+string(rec.Event.Document))
	}
	return docs
}

// written returns a journal of n records, as it is on disk, and what it holds.
func written(t testing.TB, n int) (content []byte, docs []string) {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{})
	for i := range n {
		l.Append(numbered(t, i))
	}
	docs = documents(l)
	l.Close()
	content, err := os.ReadFile(filepath.Join(dir, "journal.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	return content, docs
}

func TestRecordsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{})
	for n := range 10 {
		l.Append(numbered(t, n), numbered(t, 100+n))
	}
	want := documents(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, eventlog.Options{})
	if got := documents(again); len(got) != 20 || !slices.Equal(got, want) {
		t.Errorf("got %d records %q, want %d %q", len(got), got, len(want), want)
	}
	if got := again.Append(numbered(t, 7))[0].Position; got.Epoch != l.Head().Epoch || got.Seq != 21 {
		t.Errorf("the next record is %v, want number 21 of the same epoch", got)
	}
}

func TestANewHistoryHasANewEpoch(t *testing.T) {
	a, b := open(t, t.TempDir(), eventlog.Options{}), open(t, t.TempDir(), eventlog.Options{})
	if a.Head().Epoch == b.Head().Epoch || a.Head().Seq != 0 {
		t.Errorf("two new histories begin at %v and %v", a.Head(), b.Head())
	}
}

// TestEveryPrefixOfAJournalOpens kills the writer at every byte: what is whole is kept, and what comes after is
// whole again.
func TestEveryPrefixOfAJournalOpens(t *testing.T) {
	content, want := written(t, 5)
	for n := range content {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "journal.ndjson"), content[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		whole := bytes.Count(content[:n], []byte("\n"))
		l := open(t, dir, eventlog.Options{})
		if got := documents(l); !slices.Equal(got, want[:whole]) {
			t.Fatalf("of %d bytes: got %q, want %q", n, got, want[:whole])
		}
		l.Append(numbered(t, 99))
		after := documents(l)
		l.Close()
		if got := documents(open(t, dir, eventlog.Options{})); !slices.Equal(got, after) {
			t.Fatalf("of %d bytes, after one more record: got %q, want %q", n, got, after)
		}
	}
}

func TestASecondRelayIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{})
	_, err := eventlog.Open(dir, eventlog.Options{Logger: quiet})
	if err == nil {
		t.Fatal("the same folder was opened twice")
	}
	for _, want := range []string{dir, fmt.Sprint(os.Getpid()), "--state-dir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
	l.Close()
	open(t, dir, eventlog.Options{})
}

func TestAFolderThatCannotBeMadeIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := eventlog.Open(filepath.Join(file, "state"), eventlog.Options{Logger: quiet})
	if err == nil || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("got %v, want an error that names --state-dir", err)
	}
}

func TestTheHistoryIsBoundedByRecords(t *testing.T) {
	dir := t.TempDir()
	opts := eventlog.Options{Records: 10}
	l := open(t, dir, opts)
	for n := range 95 {
		l.Append(numbered(t, n))
	}
	check := func(l *eventlog.Log) {
		t.Helper()
		recs := l.Records()
		if len(recs) != 10 || recs[0].Position.Seq != 86 || recs[9].Position.Seq != 95 {
			t.Fatalf("kept %d records, from %v", len(recs), recs[0].Position)
		}
	}
	check(l)
	l.Close()
	check(open(t, dir, opts))
	lines := 0
	for _, name := range []string{"journal.ndjson", "journal.1.ndjson"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(content, []byte("\n"))
	}
	if lines < 10 || lines > 20 {
		t.Errorf("%d lines on disk, want 10 to 20", lines)
	}
}

func TestTheHistoryIsBoundedByBytes(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{Bytes: 10_000, MemoryBytes: 10_000})
	for n := range 50 {
		l.Append(event(t, fmt.Sprintf(`{"timestamp":%d,"x":"%s"}`, n, strings.Repeat("x", 1000))))
	}
	if n := len(l.Records()); n < 8 || n > 9 {
		t.Errorf("%d records of 1 KB in 10 KB", n)
	}
	for _, name := range []string{"journal.ndjson", "journal.1.ndjson"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() > 10_000 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	l.Append(event(t, fmt.Sprintf(`{"timestamp":1,"x":"%s"}`, strings.Repeat("x", 20_000))))
	if n := len(l.Records()); n != 1 {
		t.Errorf("beside a record beyond the bound, %d are kept", n-1)
	}
}

func TestNextGivesWhatComesAfterAPosition(t *testing.T) {
	l := open(t, t.TempDir(), eventlog.Options{Records: 5})
	recs, _, grown, err := l.ReadMemory(nil, 0, 1000)
	if len(recs) > 0 || err != nil {
		t.Fatalf("an empty log gives %d records, %v", len(recs), err)
	}
	for n := range 8 {
		l.Append(numbered(t, n))
	}
	select {
	case <-grown:
	default:
		t.Error("who waited was not woken")
	}
	size := len(l.Records()[0].Event.Document)
	for _, tc := range []struct {
		after   uint64
		max     int
		want    int
		more    bool
		gap     bool
		wantErr error
	}{
		{after: 3, max: 10 * size, want: 5},
		{after: 3, max: 2 * size, want: 2, more: true},
		{after: 3, max: 1, want: 1, more: true},
		{after: 7, max: 1, want: 1},
		{after: 8, max: 1, want: 0},
		{after: 99, max: 1, want: 0},
		{after: 2, max: 10 * size, want: 5, gap: true},
	} {
		recs, _, grown, err := l.ReadMemory(nil, tc.after, tc.max)
		if !errors.Is(err, tc.wantErr) || len(recs) != tc.want {
			t.Errorf("after %d, up to %d bytes: %d records, %v; want %d, %v", tc.after, tc.max, len(recs), err, tc.want, tc.wantErr)
			continue
		}
		if tc.wantErr != nil {
			continue
		}
		if len(recs) > 0 && (recs[0].Position.Seq != tc.after+1) != tc.gap {
			t.Errorf("after %d comes %v", tc.after, recs[0].Position)
		}
		select {
		case <-grown:
			if !tc.more {
				t.Errorf("after %d: woken for nothing", tc.after)
			}
		default:
			if tc.more {
				t.Errorf("after %d: there is more, but no sign of it", tc.after)
			}
		}
	}
}

// smallDisk returns a folder with room for 64 KiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	switch {
	case os.Getuid() != 0 && os.Getenv("CI") == "true":
		t.Fatal("CI must run this as root")
	case os.Getuid() != 0:
		t.Skip("needs root, to mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestAFullDiskLosesNothingThatFitsLater(t *testing.T) {
	dir := smallDisk(t)
	var log bytes.Buffer
	l := open(t, dir, eventlog.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 40<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; l.JournalError() == nil && n < 1000; n++ {
		l.Append(numbered(t, n))
	}
	if !errors.Is(l.JournalError(), syscall.ENOSPC) {
		t.Fatalf("after %d records: %v, want a full disk", n, l.JournalError())
	}
	for range 10 {
		l.Append(numbered(t, n))
		n++
	}
	if got := l.Head().Seq; got != uint64(n) {
		t.Errorf("%d events were added, the head is %d", n, got)
	}
	if c := strings.Count(log.String(), "journal write failed"); c != 1 {
		t.Errorf("the log complains %d times, want once:\n%s", c, log.String())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	l.Append(numbered(t, n))
	if err := l.JournalError(); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	want := documents(l)
	l.Close()
	if got := documents(open(t, dir, eventlog.Options{})); !slices.Equal(got, want) {
		t.Errorf("got %d records, want %d", len(got), len(want))
	}
}

func FuzzJournal(f *testing.F) {
	content, _ := written(f, 2)
	f.Add(content)
	f.Add(content[:len(content)-1])
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "journal.ndjson"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir, eventlog.Options{Records: 8})
		rec := l.Append(numbered(t, 3))[0]
		if l.Head() != rec.Position {
			t.Fatalf("head %v, appended %v", l.Head(), rec.Position)
		}
		want := documents(l)
		l.Close()
		if got := documents(open(t, dir, eventlog.Options{Records: 8})); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
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

func BenchmarkNext(b *testing.B) {
	l := open(b, b.TempDir(), eventlog.Options{})
	for n := range 1000 {
		l.Append(numbered(b, n))
	}
	var recs []*eventlog.Record
	b.ReportAllocs()
	for b.Loop() {
		recs, _, _, _ = l.ReadMemory(recs, 999, 64<<10)
	}
	if len(recs) != 1 {
		b.Fatal(len(recs))
	}
}
