package eventlog_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

var quiet = slog.New(slog.DiscardHandler)

// segmentNames are the files of a journal, the older one first.
var segmentNames = []string{"journal.1.ndjson", "journal.ndjson"}

func event(t testing.TB, document string) schema.Event {
	t.Helper()
	ev, _, err := schema.Decode([]byte(document), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// numbered returns an event with post_id n.
func numbered(t testing.TB, n int) schema.Event {
	t.Helper()
	return event(t, fmt.Sprintf(`{"timestamp":1795426189,"type":"post_saved","post_id":%d}`, n))
}

// open opens a log and closes it when the test ends.
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

// records returns the records that l has in memory, as strings.
func records(l *eventlog.Log) []string {
	var all []string
	for _, rec := range l.Records() {
		all = append(all, rec.Position.String()+" "+rec.Time.String()+" "+string(rec.Event.Document))
	}
	return all
}

// seqs reads the log from sequence number after to the head and returns the sequence numbers.
func seqs(t testing.TB, l *eventlog.Log, after uint64) (all []uint64) {
	t.Helper()
	var recs []*eventlog.Record
	for {
		var upTo uint64
		var err error
		if recs, upTo, _, err = l.Read(recs, after, 4096); err != nil {
			t.Fatal(err)
		}
		for _, rec := range recs {
			all = append(all, rec.Position.Seq)
		}
		if upTo == after {
			return all
		}
		after = upTo
	}
}

// copyDir returns a copy of a state directory, as a crash leaves it.
func copyDir(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// makeDir returns a state directory with these files.
func makeDir(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readFiles returns the contents of a journal's files and of its checkpoint.
func readFiles(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := readSegments(t, dir)
	content, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	files["state.json"] = content
	return files
}

// readSegments returns the contents of a journal's files. A missing file has no content.
func readSegments(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for _, name := range segmentNames {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		files[name] = content
	}
	return files
}

// journalOf returns the files of a killed log with n records, and these records.
func journalOf(t testing.TB, n int) (files map[string][]byte, recs []string) {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{})
	for i := range n {
		l.Append(numbered(t, i))
	}
	return readFiles(t, dir), records(l)
}
