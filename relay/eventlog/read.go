package eventlog

import (
	"time"

	"wpre-relay/schema"
)

// Start returns the position before the oldest record that is kept; that of the head if none is.
func (l *Log) Start() schema.Position {
	limit := l.limit()
	first, ok := l.journal.first(0, limit)
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.ring.expired(limit); i < l.ring.count && (!ok || l.ring.at(i).Position.Seq < first) {
		first, ok = l.ring.at(i).Position.Seq, true
	}
	if !ok {
		return schema.Position{Epoch: l.epoch, Seq: l.head}
	}
	return schema.Position{Epoch: l.epoch, Seq: first - 1}
}

// Before returns the position before the newest n records, whether all of them are kept or not; that before the first if
// there were never so many.
func (l *Log) Before(n int) schema.Position {
	start := l.Start()
	l.mu.Lock()
	defer l.mu.Unlock()
	at := schema.Position{Epoch: l.epoch, Seq: l.head}
	if n <= 0 {
		return at
	}
	if n <= l.ring.count {
		at.Seq = l.ring.at(l.ring.count-n).Position.Seq - 1
	} else if seq, ok := l.journal.newest(n); ok {
		at.Seq = seq - 1
	} else {
		at.Seq = min(l.head-min(uint64(n), l.head), start.Seq)
	}
	return at
}

// limit returns the time before which nothing is kept.
func (l *Log) limit() time.Time {
	if l.opts.Age <= 0 {
		return time.Time{}
	}
	return time.Now().Add(-l.opts.Age)
}

// Next returns the records after number seq, in order, up to maxBytes of documents but at least one if there is one, in
// the memory of recs, whose former contents it drops; and where that leads: the number to go on from, which is beyond
// the last record's if what follows is lost. It waits for nothing: grown is closed when there are more than these. The
// error is nil or ErrGone, on which Read has more. No position beyond the head is one of this log, and it gets nothing.
func (l *Log) Next(recs []*Record, seq uint64, maxBytes int) (_ []*Record, upTo uint64, grown <-chan struct{}, err error) {
	recs = recs[:0]
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.ring.after(seq)
	if l.opts.Age > 0 && i < l.ring.count {
		i = max(i, l.ring.expired(l.limit()))
	}
	if i == 0 && l.inJournal(seq) {
		return recs, seq, nil, ErrGone
	}
	size := 0
	for ; i < l.ring.count; i++ {
		rec := l.ring.at(i)
		if size += len(rec.Event.Document); size > maxBytes && len(recs) > 0 {
			return recs, recs[len(recs)-1].Position.Seq, closedChan, nil
		}
		recs = append(recs, rec)
	}
	return recs, max(seq, l.head), l.grown, nil
}

// inJournal reports whether the journal has records after number seq that memory has not; l.mu is held.
func (l *Log) inJournal(seq uint64) bool {
	oldest := l.oldestInMemory()
	if seq+1 >= oldest {
		return false
	}
	first, ok := l.journal.first(seq, l.limit())
	return ok && first < oldest
}

// oldestInMemory returns the number of the oldest record in memory, that behind the head if there is none; l.mu is held.
func (l *Log) oldestInMemory() uint64 {
	if l.ring.count == 0 {
		return l.head + 1
	}
	return l.ring.at(0).Position.Seq
}

// closedChan stands for "there is more already".
var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Read is Next for all that is kept: what is no longer in memory it reads from the journal, a block at a time whatever
// maxBytes is, and may wait for the disk.
// The error is one of reading that.
func (l *Log) Read(recs []*Record, seq uint64, maxBytes int) (_ []*Record, upTo uint64, grown <-chan struct{}, err error) {
	recs, upTo, grown, err = l.Next(recs, seq, maxBytes)
	if err == nil {
		return recs, upTo, grown, nil
	}
	if recs, err = l.journal.read(recs[:0], seq, l.limit()); err != nil {
		return recs, seq, nil, err
	}
	if len(recs) > 0 {
		return recs, recs[len(recs)-1].Position.Seq, closedChan, nil
	}
	l.mu.Lock() // it has just gone, or been damaged
	upTo = max(seq, l.oldestInMemory()-1)
	l.mu.Unlock()
	return recs, upTo, closedChan, nil
}

// Records returns all records in memory, however old, oldest first.
func (l *Log) Records() []*Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	recs := make([]*Record, l.ring.count)
	for i := range recs {
		recs[i] = l.ring.at(i)
	}
	return recs
}
