package eventlog_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/eventlog"
)

// failing is the operating system's file system. While readOnly is set, every change fails. While unsynced is set,
// each sync of a journal fails, and the kernel drops all writes to the file since the last one: they
// read as zeros.
type failing struct {
	incarnated
	readOnly, unsynced atomic.Bool
}

func newFailing() *failing { return &failing{incarnated: incarnated{durable.OS, thisBoot}} }

func (f *failing) OpenFile(name string, flag int, mode fs.FileMode) (durable.File, error) {
	if err := f.check(name); err != nil && flag != os.O_RDONLY {
		return nil, err
	}
	file, err := f.FS.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return &failingFile{File: file, fs: f, name: name}, nil
}

// check returns the error of a change to a file, if any.
func (f *failing) check(name string) error {
	if f.readOnly.Load() {
		return &fs.PathError{Op: "write", Path: name, Err: syscall.EROFS}
	}
	return nil
}

func (f *failing) Rename(from, to string) error {
	if err := f.check(from); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f *failing) Remove(name string) error {
	if err := f.check(name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

type failingFile struct {
	durable.File
	fs     *failing
	name   string
	synced int64
}

func (f *failingFile) Write(p []byte) (int, error) {
	if err := f.fs.check(f.name); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *failingFile) Sync() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if f.fs.unsynced.Load() && strings.Contains(f.name, "journal") {
		f.drop(info)
		return &fs.PathError{Op: "sync", Path: f.name, Err: syscall.EIO}
	}
	f.synced = info.Size()
	return f.File.Sync()
}

// drop replaces all writes since the last sync by zeros. The file may have been renamed.
func (f *failingFile) drop(info fs.FileInfo) {
	for _, name := range segmentNames {
		path := filepath.Join(filepath.Dir(f.name), name)
		if other, err := os.Stat(path); err != nil || !os.SameFile(info, other) {
			continue
		}
		if file, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			file.WriteAt(make([]byte, info.Size()-f.synced), f.synced)
			file.Close()
		}
	}
}

// TestFailedSyncIsRepaired fails syncs of the journal, which drop its content. Publishers get an error from then on.
// Once the disk works again, the journal has every record that was synced or is in memory.
func TestFailedSyncIsRepaired(t *testing.T) {
	all := []uint64{1, 2, 3, 4, 5, 6, 7, 8}
	for name, tc := range map[string]struct {
		opts eventlog.Options
		want []uint64
	}{
		"one segment":  {want: all},
		"two segments": {opts: eventlog.Options{Records: 4}, want: []uint64{1, 2, 4, 5, 6, 7, 8}},
		"small memory": {opts: eventlog.Options{MemoryRecords: 4}, want: []uint64{1, 2, 4, 5, 6, 7, 8}},
	} {
		opts := tc.opts
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, disk, log := t.TempDir(), newFailing(), new(bytes.Buffer)
				opts.FS, opts.Logger = disk, slog.New(slog.NewTextHandler(log, nil))
				l := open(t, dir, opts)
				go l.KeepSynced(t.Context())
				l.Append(numbered(t, 1), numbered(t, 2))
				time.Sleep(3 * time.Second)
				disk.unsynced.Store(true)
				for n := range 4 {
					l.Append(numbered(t, n))
				}
				time.Sleep(1100 * time.Millisecond)
				l.Append(numbered(t, 7))
				time.Sleep(10 * time.Second)
				if err := l.VerifyJournal(); err == nil || !strings.Contains(log.String(), "journal write failed") {
					t.Errorf("after failed syncs: %v, log %q", err, log)
				}
				disk.unsynced.Store(false)
				time.Sleep(2 * time.Second)
				if err := l.VerifyJournal(); err != nil || !strings.Contains(log.String(), "journal write recovered") {
					t.Errorf("with a working disk: %v, log %q", err, log)
				}
				l.Append(numbered(t, 8))
				killed := open(t, copyDir(t, dir), eventlog.Options{FS: disk})
				if got := seqs(t, killed, 0); !slices.Equal(got, tc.want) {
					t.Errorf("records %v, want %v", got, tc.want)
				}
			})
		})
	}
}

// TestReadOnlyDiskReusesNoNumbers makes the disk read-only under an open log and then kills it. The file system is
// repaired and mounted again, without the unsynced records.
func TestReadOnlyDiskReusesNoNumbers(t *testing.T) {
	dir, disk := t.TempDir(), newFailing()
	l := open(t, dir, eventlog.Options{FS: disk})
	l.Append(numbered(t, 1), numbered(t, 2))
	disk.readOnly.Store(true)
	last := l.Append(numbered(t, 3), numbered(t, 4))[1].Position
	if err := l.JournalError(); err == nil {
		t.Error("JournalError = nil on a read-only disk")
	}
	repaired := copyDir(t, dir)
	if err := os.Truncate(filepath.Join(repaired, "journal.ndjson"), 0); err != nil {
		t.Fatal(err)
	}
	again := incarnated{durable.OS, durable.Incarnation{Boot: "boot 1", Mount: "mount 2"}}
	next := open(t, repaired, eventlog.Options{FS: again})
	for n := range 7 {
		next.Append(numbered(t, n))
	}
	at, gap := next.Resume(last)
	if gap == nil && next.Gap(at, next.At(next.Records()[0].Position.Seq-1), false).Uncounted {
		gap = new(eventlog.Gap) // before the first record
	}
	if got := seqs(t, next, at.Seq); gap == nil || len(got) != 7 {
		t.Errorf("a client at %v continues at %v with records %v and gap %v, want 7 records after a gap", last, at, got, gap)
	}
}
