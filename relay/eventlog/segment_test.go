package eventlog_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"wpre-relay/relay/eventlog"
)

// twoSegments returns a journal of two files, of which the newer one has three records, and all seven records.
func twoSegments(t testing.TB) (files map[string][]byte, recs []string) {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{Records: 4})
	for n := range 4 {
		l.Append(numbered(t, n))
	}
	l.Append(event(t, `{"timestamp":1,"title":"`+strings.Repeat("ä\\n", 40)+`"}`))
	l.Append(numbered(t, 5), numbered(t, 6))
	recs = records(open(t, copyDir(t, dir), eventlog.Options{Records: 100}))
	return readFiles(t, dir), recs
}

// TestDamageAtAnyByteKeepsOtherRecords changes each byte of both files, in one of three ways. Open keeps every
// record except the damaged one, or the two that a damaged newline joins. It logs the damage, and does not reuse
// sequence numbers.
func TestDamageAtAnyByteKeepsOtherRecords(t *testing.T) {
	t.Parallel()
	files, want := twoSegments(t)
	for _, name := range segmentNames {
		content := files[name]
		for at := range content {
			mask := []byte{0x01, 0x80, content[at] ^ '\n'}[at%3]
			if mask == 0 {
				mask = 0x04
			}
			state := maps.Clone(files)
			state[name] = bytes.Clone(content)
			state[name][at] ^= mask
			damaged := bytes.Count(content[:at], []byte("\n")) // index of the damaged record
			if name == "journal.ndjson" {
				damaged += 4
			}
			c := damageCase{
				name:    fmt.Sprintf("%s, byte %d ^ %#x", name, at, mask),
				files:   state,
				want:    want,
				damaged: damaged,
				joined:  content[at] == '\n',
				last:    at == len(content)-1,
			}
			c.check(t)
		}
	}
}

// damageCase is a journal with one damaged byte.
type damageCase struct {
	name    string
	files   map[string][]byte
	want    []string // the records without damage
	damaged int      // index of the damaged record
	joined  bool     // the byte was a newline, so that the next record may be lost, too
	last    bool     // the byte is the last one of its file
}

func (c damageCase) check(t *testing.T) {
	t.Helper()
	var log bytes.Buffer
	opts := eventlog.Options{Records: 100, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	l := open(t, makeDir(t, c.files), opts)
	defer l.Close()
	got := records(l)
	for i, rec := range c.want {
		mayBeLost := i == c.damaged || c.joined && i == c.damaged+1
		if kept := slices.Contains(got, rec); !kept && !mayBeLost || kept && i == c.damaged {
			t.Fatalf("%s: record %d is kept: %v, but record %d is damaged", c.name, i, kept, c.damaged)
		}
	}
	logged := strings.Contains(log.String(), "damaged_lines=") || strings.Contains(log.String(), "unfinished_bytes=")
	if len(got) >= len(c.want) || !logged {
		t.Fatalf("%s: %d records kept, log = %q", c.name, len(got), log.String())
	}
	if next := l.Append(numbered(t, 99))[0].Position.Seq; next <= 7 && !c.last {
		t.Fatalf("%s: sequence number %d is reused", c.name, next)
	}
}
