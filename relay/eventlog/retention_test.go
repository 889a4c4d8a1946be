package eventlog_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

func TestRecordsBoundTheLog(t *testing.T) {
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
			t.Fatalf("%d records from %v, want 86 to 95", len(recs), recs[0].Position)
		}
	}
	check(l)
	l.Close()
	check(open(t, dir, opts))
	lines := 0
	for _, content := range readSegments(t, dir) {
		lines += bytes.Count(content, []byte("\n"))
	}
	if lines < 10 || lines > 20 {
		t.Errorf("%d lines on disk, want 10 to 20", lines)
	}
}

func TestBytesBoundTheLog(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, eventlog.Options{Bytes: 10_000, MemoryBytes: 10_000})
	sized := func(n, size int) string {
		return fmt.Sprintf(`{"timestamp":%d,"x":"%s"}`, n, strings.Repeat("x", size))
	}
	for n := range 50 {
		l.Append(event(t, sized(n, 1000)))
	}
	if n := len(l.Records()); n < 8 || n > 9 {
		t.Errorf("%d records of 1 KB in 10 KB of memory, want 8 or 9", n)
	}
	for name, content := range readSegments(t, dir) {
		if len(content) == 0 || len(content) > 10_000 {
			t.Errorf("%s has %d bytes, want at most 10,000", name, len(content))
		}
	}
	l.Append(event(t, sized(1, 20_000)))
	if n := len(l.Records()); n != 1 {
		t.Errorf("%d records in memory after one that exceeds the bound, want only that one", n)
	}
}

// TestRecordsExpireInOrderWhenClockJumps opens journals whose times are random, as after jumps of the clock. The reader
// gets the first record that is not older than Options.Age, and all records after it, from memory and from disk.
func TestRecordsExpireInOrderWhenClockJumps(t *testing.T) {
	now := time.Now()
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 0))
		var journal []byte
		var want []uint64
		for seq := uint64(1); seq <= 40; seq++ {
			age := time.Duration(random.ExpFloat64()*30) * time.Minute
			if age < time.Hour || len(want) > 0 {
				want = append(want, seq)
			}
			stamp := schema.Stamp{Position: schema.Position{Epoch: "abcdefgh", Seq: seq}, Time: now.Add(-age)}
			line := schema.Line{Stamp: stamp, Document: numbered(t, int(seq)).Document}
			journal = line.Append(journal)
		}
		for _, inMemory := range []int{1, 20, 40} {
			dir := makeDir(t, map[string][]byte{"journal.ndjson": journal})
			l := open(t, dir, eventlog.Options{Age: time.Hour, MemoryRecords: inMemory})
			if got := seqs(t, l, 0); !slices.Equal(got, want) || l.Start().Seq != 40-uint64(len(want)) {
				t.Fatalf("seed %d, %d in memory: got %v from %v, want %v", seed, inMemory, got, l.Start(), want)
			}
			l.Close()
		}
	}
}

// TestExpiredRecordsAreDeleted lets virtual time pass over a log with Options.Age of an hour.
func TestExpiredRecordsAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		opts := eventlog.Options{Age: time.Hour, MemoryRecords: 2}
		l := open(t, dir, opts)
		go l.KeepSynced(t.Context())
		for n := range 10 {
			l.Append(numbered(t, n))
			time.Sleep(10 * time.Minute)
		}
		if got := seqs(t, l, 0); len(got) != 6 || got[0] != 5 || l.Start().Seq != 4 {
			t.Errorf("after 100 minutes: records %v, Start = %v, want 5 to 10", got, l.Start())
		}
		time.Sleep(2 * time.Hour)
		if got := seqs(t, l, 0); len(got) != 0 || l.Start() != l.Head() {
			t.Errorf("two hours later: records %v, Start = %v, want none", got, l.Start())
		}
		var onDisk []byte
		for _, content := range readSegments(t, dir) {
			onDisk = append(onDisk, content...)
		}
		if lines := bytes.Count(onDisk, []byte("\n")); lines != 1 || !bytes.Contains(onDisk, []byte(`"post_id":9`)) {
			t.Errorf("%d lines on disk, want the newest record only: %s", lines, onDisk)
		}
		reopened := open(t, copyDir(t, dir), opts)
		if got := reopened.Records(); len(got) != 1 || reopened.Head() != l.Head() {
			t.Errorf("after restart: %d records, Head = %v, want 1 and %v", len(got), reopened.Head(), l.Head())
		}
	})
}
