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
)

// smallDisk mounts a file system of 64 KiB and returns its directory.
func smallDisk(t *testing.T) string {
	t.Helper()
	switch {
	case os.Getuid() != 0 && os.Getenv("CI") == "true":
		t.Fatal("CI must run this test as root, which may mount a file system")
	case os.Getuid() != 0:
		t.Skip("SKIPPED: only root may mount a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// occupy creates a file of this size, and returns a function that deletes it.
func occupy(t *testing.T, dir string, size int) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// fill appends events until the disk is full, and returns their number.
func fill(t *testing.T, l *eventlog.Log, document func(n int) string) (n int) {
	t.Helper()
	for ; l.JournalError() == nil && n < 1000; n++ {
		l.Append(event(t, document(n)))
	}
	if !errors.Is(l.JournalError(), syscall.ENOSPC) {
		t.Fatalf("JournalError after %d records = %v, want %v", n, l.JournalError(), syscall.ENOSPC)
	}
	return n
}

func TestFullDiskBuffersRecords(t *testing.T) {
	dir := smallDisk(t)
	var log bytes.Buffer
	l := open(t, dir, eventlog.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	free := occupy(t, dir, 40<<10)
	n := fill(t, l, func(n int) string { return fmt.Sprintf(`{"timestamp":%d}`, n+1) })
	for range 10 {
		l.Append(numbered(t, n))
		n++
	}
	if got := l.Head().Seq; got != uint64(n) {
		t.Errorf("Head = %d after %d events", got, n)
	}
	if c := strings.Count(log.String(), "journal write failed"); c != 1 {
		t.Errorf("the failure is logged %d times, want once:\n%s", c, log.String())
	}
	free()
	l.Append(numbered(t, n))
	if err := l.JournalError(); err != nil {
		t.Fatalf("JournalError with free space = %v", err)
	}
	want := records(l)
	l.Close()
	if got := records(open(t, dir, eventlog.Options{})); !slices.Equal(got, want) {
		t.Errorf("after restart: %d records, want %d", len(got), len(want))
	}
}

// TestPartialWriteIsRepeated fills the disk in the middle of a record.
func TestPartialWriteIsRepeated(t *testing.T) {
	dir := smallDisk(t)
	l := open(t, dir, eventlog.Options{})
	long := func(n int) string { return fmt.Sprintf(`{"timestamp":%d,"title":"%s"}`, n, strings.Repeat("x", 9000)) }
	free := occupy(t, dir, 24<<10)
	n := fill(t, l, long)
	if size := len(readSegments(t, dir)["journal.ndjson"]); size%9100 < 100 {
		t.Fatalf("the journal has %d bytes, want a part of a record of 9.1 KB at its end", size)
	}
	killed := open(t, copyDir(t, dir), eventlog.Options{})
	if got, want := records(killed), records(l); len(got) != n-1 || !slices.Equal(got, want[:n-1]) {
		t.Errorf("after a kill: %d records, want %d", len(got), n-1)
	}
	if got := killed.Append(event(t, long(n)))[0].Position; got.Seq <= l.Head().Seq {
		t.Errorf("after a kill: sequence number %d is reused, the head was %d", got.Seq, l.Head().Seq)
	}
	free()
	l.Append(event(t, long(n)))
	if err := l.JournalError(); err != nil {
		t.Fatalf("JournalError with free space = %v", err)
	}
	want := records(l)
	l.Close()
	if got := records(open(t, dir, eventlog.Options{})); !slices.Equal(got, want) {
		t.Errorf("after restart: %d records, want %d", len(got), len(want))
	}
}
