// Package eventlog keeps the relay's history: in memory for the clients, who read it each from their own position,
// and in a journal on disk for the next start. It knows nothing of clients, and of the file that the events come
// from only the name.
//
// A record is written to the journal before anyone can read it. So a number that a client has seen never names
// another event, even if the process is killed between any two instructions.
package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"wpre-relay/schema"
)

// ErrGone is returned for a position whose successor is no longer kept in memory.
var ErrGone = errors.New("the record after this position is no longer kept")

// Options for Open. The zero value works.
type Options struct {
	// Records bounds the history, in memory and in the journal. Default 10,000.
	Records int

	// Bytes bounds the records in memory, and each of the journal's two files. Default 64 MiB.
	Bytes int

	// Logger is told what of a damaged journal is dropped, and when the journal cannot be written. Default:
	// slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Records <= 0 {
		o.Records = 10_000
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
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
	journal *journal

	appending sync.Mutex // held by Append from numbering to publishing, which keeps the order

	mu    sync.Mutex
	ring  []*Record     // the record with Seq n is at n % len, nil where it was lost; guarded by mu
	first uint64        // Seq of the oldest record kept; guarded by mu
	next  uint64        // Seq of the record to come, from 1; guarded by mu
	bytes int           // frames kept; guarded by mu
	grown chan struct{} // closed and replaced by publish; guarded by mu
}

// Open returns the log whose journal is in dir, with the records of former runs. It makes dir if need be. It
// fails if another process has the log open, or if the journal cannot be read or written; a damaged journal is
// not an error: what is whole is kept.
func Open(dir string, opts Options) (*Log, error) {
	opts = opts.withDefaults()
	l := &Log{
		opts:  opts,
		ring:  make([]*Record, opts.Records),
		first: 1,
		next:  1,
		grown: make(chan struct{}),
	}
	journal, kept, err := openJournal(dir, opts)
	if err != nil {
		return nil, err
	}
	l.journal = journal
	for _, rec := range kept {
		l.restore(rec)
	}
	if l.epoch == "" {
		l.epoch = strings.ToLower(rand.Text()[:8])
	}
	return l, nil
}

// Append writes the events to the journal, adds them to the log in their order and wakes all who wait for more. It
// returns their records. It never waits for a client, but it may wait for the disk. If the journal cannot be
// written, the events are added all the same and JournalError says why.
func (l *Log) Append(events ...schema.Event) []*Record {
	l.appending.Lock()
	defer l.appending.Unlock()
	now := time.Now().UTC().Truncate(time.Microsecond)
	seq := l.Head().Seq
	recs := make([]*Record, len(events))
	for i, ev := range events {
		seq++
		recs[i] = newRecord(Position{l.epoch, seq}, now, ev)
	}
	l.journal.append(recs)
	l.publish(recs)
	return recs
}

// restore puts a record of a former run into the ring. Where records before it were damaged or lost, holes are left.
func (l *Log) restore(rec *Record) {
	at := rec.Position
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case at.Epoch != l.epoch || at.Seq >= l.next+uint64(len(l.ring)):
		clear(l.ring)
		l.epoch, l.first, l.next, l.bytes = at.Epoch, at.Seq, at.Seq, 0
	case at.Seq < l.next:
		return // a line that stands twice
	}
	for l.next < at.Seq {
		l.keep(nil)
	}
	l.keep(rec)
}

// publish lets the readers see recs, which come next.
func (l *Log) publish(recs []*Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rec := range recs {
		l.keep(rec)
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

// keep puts rec, which comes next, into the ring and drops what is beyond the bounds; l.mu is held.
func (l *Log) keep(rec *Record) {
	if l.next-l.first == uint64(len(l.ring)) {
		l.dropOldest()
	}
	l.ring[l.next%uint64(len(l.ring))] = rec
	l.next++
	l.bytes += rec.size()
	for l.bytes > l.opts.Bytes && l.next-l.first > 1 {
		l.dropOldest()
	}
}

func (l *Log) dropOldest() {
	slot := &l.ring[l.first%uint64(len(l.ring))]
	l.bytes -= (*slot).size()
	*slot = nil
	l.first++
}

// Head returns the position of the newest record; its Seq is 0 before the first.
func (l *Log) Head() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Position{l.epoch, l.next - 1}
}

// Next returns the records after number seq, in order, up to maxBytes of frames but at least one if there is one, in
// the memory of recs, whose former contents it drops. It does not wait: grown is closed when there are more than
// these. The error is nil or ErrGone. No position beyond the head is one of this log, and it gets nothing.
func (l *Log) Next(recs []*Record, seq uint64, maxBytes int) (_ []*Record, grown <-chan struct{}, err error) {
	recs = recs[:0]
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq+1 < l.first {
		return recs, nil, ErrGone
	}
	size := 0
	for n := seq + 1; n < l.next; n++ {
		rec := l.ring[n%uint64(len(l.ring))]
		if size += rec.size(); size > maxBytes && len(recs) > 0 {
			return recs, closedChan, nil
		}
		if rec != nil {
			recs = append(recs, rec)
		}
	}
	return recs, l.grown, nil
}

// closedChan stands for "there is more already".
var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Records returns all records kept in memory, oldest first.
func (l *Log) Records() []*Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	recs := make([]*Record, 0, l.next-l.first)
	for n := l.first; n < l.next; n++ {
		if rec := l.ring[n%uint64(len(l.ring))]; rec != nil {
			recs = append(recs, rec)
		}
	}
	return recs
}

// Capacity returns how many records the log keeps at most.
func (l *Log) Capacity() int { return l.opts.Records }

// JournalError returns why the journal does not hold all records now, nil if it does.
func (l *Log) JournalError() error { return l.journal.err() }

// KeepSynced writes the journal through to the disk about once a second while it grows, and tries again what could
// not be written, until ctx ends.
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

// Close writes the journal through to the disk and lets another process have it. The records stay readable.
func (l *Log) Close() error { return l.journal.close() }
