// Package eventlog keeps the relay's history: in memory for the clients, who read it each from their own position,
// and in a journal on disk for the next start. It knows nothing of clients, and of the file that the events come
// from only the name.
//
// A record is written to the journal before anyone can read it. So a number that a client has seen never names
// another event, even if the process is killed between any two instructions.
package eventlog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"wpre-relay/schema"
)

// ErrGone is returned for a position whose successors are no longer in memory, but still kept.
var ErrGone = errors.New("the records after this position are no longer in memory")

// Options for Open. The zero value works.
type Options struct {
	// Records bounds the history. Default 10,000.
	Records int

	// Age bounds the history: what is older is not given to anyone, but for Records. It goes from the disk a file at
	// a time, and may stay there for twice as long. Default 0: no bound.
	Age time.Duration

	// Bytes bounds each of the journal's two files. Default 256 MiB.
	Bytes int

	// MemoryRecords and MemoryBytes bound the newest records, which are kept in memory as well. Default 10,000, but
	// no more than Records, and 64 MiB.
	MemoryRecords, MemoryBytes int

	// Logger is told what of a damaged journal is dropped, and when the journal cannot be written. Default:
	// slog.Default().
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
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Log is an ordered history of events. Use Open.
type Log struct {
	epoch   string
	opts    Options
	journal store

	appending sync.Mutex // held by Append from numbering to publishing, which keeps the order
	next      uint64     // Seq of the record to come, from 1; guarded by appending

	mu    sync.Mutex
	ring  ring          // guarded by mu
	head  uint64        // Seq before that of the record to come; guarded by mu
	grown chan struct{} // closed and replaced by publish; guarded by mu
}

// Open returns the log whose journal is in dir, with the records of former runs. It makes dir if need be. It
// fails if another process has the log open, or if the journal cannot be read or written; a damaged journal is
// not an error: what is whole is kept.
//
// A number that may have been given to a record before is never given to another, even if the journal is damaged or
// the system went down before it was on the disk: where that is not known, numbers are passed over.
func Open(dir string, opts Options) (*Log, error) {
	opts = opts.withDefaults()
	journal, next, err := openJournal(dir, opts)
	if err != nil {
		return nil, err
	}
	l := newLog(journal, next, opts)
	if err := l.fill(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func newLog(journal store, next schema.Position, opts Options) *Log {
	return &Log{
		epoch:   next.Epoch,
		opts:    opts,
		journal: journal,
		next:    next.Seq,
		ring:    newRing(opts.MemoryRecords, opts.MemoryBytes),
		head:    next.Seq - 1,
		grown:   make(chan struct{}),
	}
}

// fill brings the newest records of former runs back into memory.
func (l *Log) fill() error {
	seq := uint64(0)
	if first, ok := l.journal.newest(l.opts.MemoryRecords); ok {
		seq = first - 1
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

// Append writes the events to the journal, adds them to the log in their order and wakes all who wait for more. It
// returns their records. It never waits for a client, but it may wait for the disk. If the journal cannot be
// written, the events are added all the same and JournalError says why.
func (l *Log) Append(events ...schema.Event) []*Record {
	l.appending.Lock()
	defer l.appending.Unlock()
	now := time.Now().UTC().Truncate(time.Microsecond)
	recs := make([]*Record, len(events))
	for i, ev := range events {
		recs[i] = newRecord(schema.Position{Epoch: l.epoch, Seq: l.next}, now, ev)
		l.next++
	}
	l.journal.append(recs)
	l.publish(recs)
	return recs
}

// publish lets the readers see recs, which come next.
func (l *Log) publish(recs []*Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rec := range recs {
		l.ring.push(rec)
		l.head = rec.Position.Seq
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

// Head returns the position before the record to come: that of the newest record, as a rule; its Seq is 0 before the
// first.
func (l *Log) Head() schema.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return schema.Position{Epoch: l.epoch, Seq: l.head}
}

// Epoch returns the epoch of all positions of the log.
func (l *Log) Epoch() string { return l.epoch }

// New reports whether Open has made the log: nothing was ever in it.
func (l *Log) New() bool { return l.journal.new() }

// Dir returns the folder that the journal is in, "" if there is none.
func (l *Log) Dir() string { return l.journal.folder() }

// Capacity returns how many records the log keeps in memory at most.
func (l *Log) Capacity() int { return l.opts.MemoryRecords }

// JournalError returns why the journal does not hold all records now, nil if it does.
func (l *Log) JournalError() error { return l.journal.err() }

// KeepSynced writes the journal through to the disk about once a second while it grows, tries again what could not be
// written, and takes from the disk what is too old, until ctx ends.
func (l *Log) KeepSynced(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.journal.sync()
		}
	}
}

// Close writes the journal through to the disk and lets another process have it. The records in memory stay readable.
// Nothing may be appended any more.
func (l *Log) Close() error {
	l.appending.Lock()
	defer l.appending.Unlock()
	return l.journal.close(schema.Position{Epoch: l.epoch, Seq: l.next})
}
