// Package eventlog keeps the relay's events in order: the newest in memory, where clients read them from their own
// positions, and all that are retained in a journal on disk, for lagging clients and for the next start. It knows
// nothing about clients, and nothing about the event file except its name.
//
// Append writes a record to the journal before anybody can read it. A sequence number that a client has seen
// therefore never names another event, even if the process is killed between any two instructions.
package eventlog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/fileop"
	"wpre-relay/schema"
)

// Options for Open and NewMirror. The zero value works.
type Options struct {
	// Records bounds the number of retained records. Default: 10,000.
	Records int

	// Age bounds the age of the records that readers get; Log.Records ignores it. The journal deletes older records
	// one file at a time, so they may stay on disk for up to twice this time. Default: 0, no bound.
	Age time.Duration

	// Bytes bounds each of the journal's two files. Default: 256 MiB.
	Bytes int

	// MemoryRecords and MemoryBytes bound the newest records, which are also kept in memory. Default: 10,000
	// records, but not more than Records, and 64 MiB.
	MemoryRecords, MemoryBytes int

	// Provisional discards a log that Open creates, unless Confirm is called: Close deletes it, and after a kill the
	// next Open does. Default: Open keeps the log at once.
	Provisional bool

	// FS is the file system of the journal. Default: that of the operating system.
	FS durable.FS

	// Logger reports damaged journal lines that Open drops, and write errors. Default: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Records <= 0 {
		o.Records = 10_000
	}
	if o.Bytes <= 0 {
		o.Bytes = 256 << 20
	}
	if o.MemoryRecords <= 0 {
		o.MemoryRecords = 10_000
	}
	o.MemoryRecords = min(o.MemoryRecords, o.Records)
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 64 << 20
	}
	if o.FS == nil {
		o.FS = durable.OS
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Log is an ordered log of events that this process appends to. Use Open.
type Log struct {
	*Reader

	appendMu sync.Mutex // held by Append from numbering to publishing, which keeps the order
	next     uint64     // Seq of the next record, from 1; guarded by appendMu
}

// Open returns the log whose journal is in dir, with the records of former runs. It creates dir if it does not
// exist. It fails if another process has the log open, or if the journal cannot be read or written. A damaged
// journal is not an error: Open keeps every undamaged record.
//
// Sequence numbers are never reused. Open reserves them in a checkpoint, and Close records which ones were assigned.
// If the newest records may be missing, because the system went down, the file system was mounted again, or records
// could not be written, the next Open skips all reserved numbers. A journal without a checkpoint gets a new epoch.
func Open(dir string, opts Options) (*Log, error) {
	defer fileop.Begin("open journal in", dir).End()
	opts = opts.withDefaults()
	journal, next, err := openJournal(dir, opts)
	if err != nil {
		return nil, err
	}
	l := &Log{Reader: newReader(journal, next, opts), next: next.Seq}
	l.counted = journal.counted
	if err := l.loadRing(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if l.JournalError() != nil {
		l.repair()
		l.journal.sync()
	}
	return l, nil
}

// loadRing reads the newest records of former runs into memory.
func (l *Log) loadRing() error {
	seq := uint64(0)
	if first, ok := l.journal.newest(l.opts.MemoryRecords); ok {
		s, i := l.journal.find(first-1, time.Time{})
		seq, l.ring.latest = first-1, s.index[i].time
	}
	var recs []*Record
	for seq < l.head {
		var err error
		if recs, err = l.journal.read(recs[:0], seq, time.Time{}); err != nil || len(recs) == 0 {
			return err
		}
		for _, rec := range recs {
			l.ring.push(rec)
		}
		seq = recs[len(recs)-1].Position.Seq
	}
	return nil
}

// Append writes the events to the journal, adds them to the log in order, wakes waiting readers and returns the new
// records. It never blocks on a client, but it may block on the disk. If the journal cannot be written, Append adds
// the events anyway and JournalError returns the reason.
func (l *Log) Append(events ...schema.Event) []*Record { return l.append(l.Notify, events...) }

// AppendAndDeliver is Append for one event. In place of the function of OnGrowth, it calls deliver, which must not
// append.
func (l *Log) AppendAndDeliver(ev schema.Event, deliver func()) { l.append(deliver, ev) }

// append implements Append and AppendAndDeliver.
func (l *Log) append(deliver func(), events ...schema.Event) []*Record {
	l.appendMu.Lock()
	defer l.appendMu.Unlock()
	now := time.Now().UTC().Truncate(time.Microsecond)
	recs := make([]*Record, len(events))
	for i, ev := range events {
		recs[i] = NewRecord(schema.Position{Epoch: l.epoch, Seq: l.next}, now, ev)
		l.next++
	}
	operation := fileop.Begin("append to journal in", l.journal.dir)
	l.journal.append(recs)
	operation.End()
	l.add(recs)
	deliver()
	l.wake()
	return recs
}

// Created reports whether Open created the log because dir held none.
func (l *Log) Created() bool { return l.journal.created }

// Confirm keeps a log that was opened with Options.Provisional. It must be called before anybody outside this process
// learns of a record.
func (l *Log) Confirm() { l.journal.confirm() }

// Dir returns the directory of the journal.
func (l *Log) Dir() string { return l.journal.dir }

// VerifyJournal is like JournalError, but also examines the files on disk now. It therefore detects a state directory
// that was deleted a moment ago, before KeepSynced does. It may block on the disk.
func (l *Log) VerifyJournal() error {
	defer fileop.Begin("check files in", l.journal.dir).End()
	return l.journal.verify()
}

// KeepSynced runs until ctx ends. Once a second it syncs the journal to disk if it has grown, retries failed
// writes, and deletes records that are older than Options.Age. Twice a second it checks the files in the state
// directory, and re-creates them if another program has deleted or changed them.
func (l *Log) KeepSynced(ctx context.Context) {
	check, sync := time.NewTicker(stateCheckInterval), time.NewTicker(time.Second)
	defer check.Stop()
	defer sync.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-check.C:
			operation := fileop.Begin("check files in", l.journal.dir)
			l.checkState()
			operation.End()
		case <-sync.C:
			operation := fileop.Begin("sync journal in", l.journal.dir)
			l.repair()
			l.journal.sync()
			operation.End()
		}
	}
}

// repair writes records whose sync has failed to new files.
func (l *Log) repair() {
	unsafe := l.journal.unsafeSegments()
	if len(unsafe) == 0 {
		return
	}
	l.appendMu.Lock() // the memory then holds every record that the journal holds
	recent := l.Records()
	l.appendMu.Unlock()
	l.journal.repair(unsafe, recent)
}

// Close syncs the journal to disk and releases its lock. It deletes a provisional log that was not confirmed. The
// records in memory stay readable. Append must not be called after Close.
func (l *Log) Close() error {
	defer fileop.Begin("close journal in", l.journal.dir).End()
	l.checkState()
	l.repair()
	l.appendMu.Lock()
	defer l.appendMu.Unlock()
	return l.journal.close(schema.Position{Epoch: l.epoch, Seq: l.next})
}
