//go:build linux

package eventlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// journal returns what a journal of two files holds, of which the newer has a few records, and what they are.
func journal(t testing.TB) (files map[string][]byte, docs []string) {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{Records: 4})
	for n := range 4 {
		l.Append(numbered(t, n))
	}
	l.Append(event(t, `{"timestamp":1,"title":"`+strings.Repeat("ä\\n", 40)+`"}`))
	l.Append(numbered(t, 5), numbered(t, 6))
	docs = documents(open(t, copyOf(t, dir), eventlog.Options{Records: 100}))
	l.Close()
	files = make(map[string][]byte)
	for _, name := range []string{"journal.ndjson", "journal.1.ndjson"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = content
	}
	return files, docs
}

// copyOf returns a copy of a state folder, as a crash leaves it.
func copyOf(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// folder returns a state folder with these files.
func folder(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestWhateverByteIsDamagedTheRestIsKept changes each byte of both files, in one of several ways: all lines but
// that one, or the two that it joins, are kept; what is dropped is told; and no number is given to two events.
func TestWhateverByteIsDamagedTheRestIsKept(t *testing.T) {
	files, want := journal(t)
	for name, content := range files {
		for at := range content {
			mask := []byte{0x01, 0x80, content[at] ^ '\n'}[at%3]
			if mask == 0 {
				mask = 0x04
			}
			damaged := bytes.Clone(content)
			damaged[at] ^= mask
			var log bytes.Buffer
			opts := eventlog.Options{Records: 100, Logger: slog.New(slog.NewTextHandler(&log, nil))}
			state := maps.Clone(files)
			state[name] = damaged
			l := open(t, folder(t, state), opts)
			got := documents(l)
			line := bytes.Count(content[:at], []byte("\n"))
			if name == "journal.ndjson" {
				line += 4
			}
			for i, doc := range want {
				mayGo := i == line || content[at] == '\n' && i == line+1
				if kept := slices.Contains(got, doc); !kept && !mayGo || kept && i == line {
					t.Fatalf("%s, byte %d ^ %#x: record %d of line %d is kept: %v", name, at, mask, i, line, kept)
				}
			}
			if len(got) >= len(want) || !strings.Contains(log.String(), "damaged_lines=") && !strings.Contains(log.String(), "unfinished_bytes=") {
				t.Fatalf("%s, byte %d ^ %#x: %d records, and the log says %q", name, at, mask, len(got), log.String())
			}
			if next := l.Append(numbered(t, 99))[0].Position.Seq; next <= 7 && at < len(content)-1 {
				t.Fatalf("%s, byte %d ^ %#x: number %d is given again", name, at, mask, next)
			}
			l.Close()
		}
	}
}

// TestNumbersThatMayHaveBeenGivenOutAreNot ends a log in ways that leave in doubt what it gave out last.
func TestNumbersThatMayHaveBeenGivenOutAreNot(t *testing.T) {
	for name, tc := range map[string]struct {
		closed  bool
		change  func(dir string) error
		skipped bool
	}{
		"closed":                              {closed: true},
		"killed":                              {},
		"killed with the system":              {change: reboot, skipped: true},
		"closed before the system went down":  {closed: true, change: reboot},
		"closed, and the journal was deleted": {closed: true, change: func(dir string) error { return os.Remove(filepath.Join(dir, "journal.ndjson")) }},
		"a note that nobody understands":      {change: func(dir string) error { return os.WriteFile(filepath.Join(dir, "state.json"), []byte("{"), 0o600) }, skipped: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, eventlog.Options{})
			last := l.Append(numbered(t, 1), numbered(t, 2))[1].Position
			if tc.closed {
				l.Close()
			}
			crashed := copyOf(t, dir)
			if tc.change != nil {
				if err := tc.change(crashed); err != nil {
					t.Fatal(err)
				}
			}
			again := open(t, crashed, eventlog.Options{})
			next := again.Append(numbered(t, 3))[0].Position
			if next.Epoch != last.Epoch || next.Seq <= last.Seq || (next.Seq > last.Seq+1) != tc.skipped {
				t.Fatalf("after %v comes %v", last, next)
			}
			_, known := eventlog.Gap{Since: last, Until: schema.Position{Epoch: next.Epoch, Seq: next.Seq - 1}}.Missing()
			if known == tc.skipped {
				t.Errorf("between %v and %v it is known how many are missing: %v", last, next, known)
			}
			again.Close()
			third := open(t, crashed, eventlog.Options{})
			if got := third.Append(numbered(t, 4))[0].Position; got.Seq != next.Seq+1 {
				t.Errorf("after %v comes %v", next, got)
			}
		})
	}
}

// reboot makes the state one of another boot of the system.
func reboot(dir string) error {
	path := filepath.Join(dir, "state.json")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(content, bytes.TrimSpace(boot), []byte("another")), 0o600)
}

// TestADiskThatIsFullInTheMiddleOfARecordLosesNothing writes records of which the disk takes a part only.
func TestADiskThatIsFullInTheMiddleOfARecordLosesNothing(t *testing.T) {
	dir := smallDisk(t)
	l := open(t, dir, eventlog.Options{})
	long := func(n int) string { return fmt.Sprintf(`{"timestamp":%d,"title":"%s"}`, n, strings.Repeat("x", 9000)) }
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 24<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; l.JournalError() == nil && n < 20; n++ {
		l.Append(event(t, long(n)))
	}
	if !errors.Is(l.JournalError(), syscall.ENOSPC) {
		t.Fatalf("after %d records: %v, want a full disk", n, l.JournalError())
	}
	info, err := os.Stat(filepath.Join(dir, "journal.ndjson"))
	if err != nil || info.Size()%9100 < 100 {
		t.Fatalf("the disk was not full in the middle of a record: %v, %v", info, err)
	}
	killed := open(t, copyOf(t, dir), eventlog.Options{})
	if got, want := documents(killed), documents(l); len(got) != n-1 || !slices.Equal(got, want[:n-1]) {
		t.Errorf("killed then, %d records are kept, want %d", len(got), n-1)
	}
	if got := killed.Append(event(t, long(n)))[0].Position; got.Seq <= l.Head().Seq {
		t.Errorf("killed then, number %d is given again; the head was %d", got.Seq, l.Head().Seq)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	l.Append(event(t, long(n)))
	if err := l.JournalError(); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	want := documents(l)
	l.Close()
	if got := documents(open(t, dir, eventlog.Options{})); !slices.Equal(got, want) {
		t.Errorf("%d records are kept, want %d", len(got), len(want))
	}
}

// readAll reads from number seq to the head, and returns the numbers.
func readAll(t testing.TB, l *eventlog.Log, seq uint64) (got []uint64) {
	t.Helper()
	var recs []*eventlog.Record
	for {
		var err error
		var upTo uint64
		if recs, upTo, _, err = l.Read(recs, seq, 4096); err != nil {
			t.Fatal(err)
		}
		for _, rec := range recs {
			got = append(got, rec.Position.Seq)
		}
		if upTo == seq {
			return got
		}
		seq = upTo
	}
}

// TestReadersSeeEveryRecordWhileTheJournalRotates reads what is long out of memory while records are appended.
func TestReadersSeeEveryRecordWhileTheJournalRotates(t *testing.T) {
	const records, history, memory = 3000, 400, 20
	l := open(t, t.TempDir(), eventlog.Options{Records: history, MemoryRecords: memory})
	appended := make(chan struct{})
	go func() {
		defer close(appended)
		for n := range records {
			l.Append(numbered(t, n))
		}
	}()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for more := true; more; {
				select {
				case <-appended:
					more = false
				default:
				}
				start, head := l.Start().Seq, l.Head().Seq
				got := readAll(t, l, start)
				for i := 1; i < len(got); i++ {
					if got[i] <= got[i-1] {
						t.Errorf("after %d comes %d", got[i-1], got[i])
						return
					}
				}
				if n := len(got); n == 0 && head > 0 || n > 0 && got[n-1] < head {
					t.Errorf("from %d to %d: %d records", start, head, n)
					return
				}
			}
		})
	}
	readers.Wait()
	got := readAll(t, l, 0)
	if len(got) != history || got[0] != records-history+1 || got[history-1] != records {
		t.Errorf("%d records are kept, from %d", len(got), got[0])
	}
}

func TestWhatIsNoLongerInMemoryIsTheSame(t *testing.T) {
	l := open(t, t.TempDir(), eventlog.Options{MemoryRecords: 2})
	var want []string
	for n := range 500 {
		want = append(want, string(l.Append(numbered(t, n))[0].Event.Document))
	}
	var recs []*eventlog.Record
	for seq := uint64(0); seq < 500; {
		var err error
		if recs, seq, _, err = l.Read(recs, seq, 1<<20); err != nil || len(recs) == 0 {
			t.Fatalf("at %d: %d records, %v", seq, len(recs), err)
		}
		for _, rec := range recs {
			if got := string(rec.Event.Document); got != want[rec.Position.Seq-1] {
				t.Fatalf("record %v is %q, want %q", rec.Position, got, want[rec.Position.Seq-1])
			}
		}
	}
	for n, seq := range map[int]uint64{0: 500, 1: 499, 2: 498, 3: 497, 400: 100, 500: 0, 501: 0} {
		if got := l.BeforeNewest(n); got.Seq != seq {
			t.Errorf("before the newest %d is %d, want %d", n, got.Seq, seq)
		}
	}
}

// TestWhatIsTooOldGoes lets time pass over a history of an hour.
func TestWhatIsTooOldGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		opts := eventlog.Options{Age: time.Hour, MemoryRecords: 2}
		l := open(t, dir, opts)
		go l.KeepSynced(t.Context())
		for n := range 10 {
			l.Append(numbered(t, n))
			time.Sleep(10 * time.Minute)
		}
		if got := readAll(t, l, 0); len(got) != 6 || got[0] != 5 || l.Start().Seq != 4 {
			t.Errorf("of an hour %v are given, after %v", got, l.Start())
		}
		time.Sleep(2 * time.Hour)
		if got := readAll(t, l, 0); len(got) != 0 || l.Start() != l.Head() {
			t.Errorf("%v are given, after %v", got, l.Start())
		}
		var kept []byte
		for _, name := range []string{"journal.1.ndjson", "journal.ndjson"} {
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			kept = append(kept, content...)
		}
		if lines := bytes.Count(kept, []byte("\n")); lines != 1 || !bytes.Contains(kept, []byte(`"post_id":9`)) {
			t.Errorf("on the disk stay %d lines: %s", lines, kept)
		}
		again := open(t, copyOf(t, dir), opts)
		if got := again.Records(); len(got) != 1 || again.Head() != l.Head() {
			t.Errorf("the next start knows %d records, and is at %v", len(got), again.Head())
		}
	})
}
