package eventlog

import (
	"errors"
	"sort"
	"sync"
	"time"

	"wpre-relay/schema"
)

// ErrNotInMemory is returned for a position whose successors are no longer in memory, but still in the journal.
var ErrNotInMemory = errors.New("the records after this position are no longer in memory")

// Reader is the reading side that Log and Mirror share. Its methods may be called concurrently.
type Reader struct {
	epoch   string
	counted uint64 // the first sequence number after the last one that was skipped
	opts    Options
	journal *journal // nil for a mirror

	mu     sync.Mutex
	ring   ring          // guarded by mu
	head   uint64        // Seq of the newest record, or the number before the first; guarded by mu
	grown  chan struct{} // closed and replaced by wake; guarded by mu
	notify func()        // see OnGrowth; guarded by mu
}

// newReader returns a reader without records. Next is the position of the first record that publish will add; its tag
// is that of the record before.
func newReader(journal *journal, next schema.Position, opts Options) *Reader {
	return &Reader{
		epoch:   next.Epoch,
		opts:    opts,
		journal: journal,
		ring:    newRing(schema.Position{Seq: next.Seq - 1, Tag: next.Tag}, opts.MemoryRecords, opts.MemoryBytes),
		head:    next.Seq - 1,
		grown:   make(chan struct{}),
		notify:  func() {},
	}
}

// OnGrowth makes the log call notify when new records can be read, before it wakes waiting readers. Notify must not
// block. A second call replaces the function.
func (r *Reader) OnGrowth(notify func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notify = notify
}

// publish makes recs visible to readers, and wakes the waiting ones. Recs must not be empty.
func (r *Reader) publish(recs []*Record) {
	r.add(recs)
	r.Notify()
	r.wake()
}

// Notify calls the function of OnGrowth.
func (r *Reader) Notify() {
	r.mu.Lock()
	notify := r.notify
	r.mu.Unlock()
	notify()
}

// add makes recs, which follow the head, visible to readers. The caller then calls Notify or delivers them itself, and
// calls wake.
func (r *Reader) add(recs []*Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range recs {
		r.ring.push(rec)
		r.head = rec.Position.Seq
	}
}

// wake wakes waiting readers.
func (r *Reader) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.grown)
	r.grown = make(chan struct{})
}

// Epoch returns the epoch of every position in the log.
func (r *Reader) Epoch() string { return r.epoch }

// Capacity returns the maximum number of records in memory.
func (r *Reader) Capacity() int { return r.opts.MemoryRecords }

// Head returns the position that the next record follows. It is the newest record's position, unless sequence
// numbers were skipped. In a new log its Seq is 0.
func (r *Reader) Head() schema.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position(r.head)
}

// Start returns the position that the oldest retained record follows, or Head if no record is retained.
func (r *Reader) Start() schema.Position {
	cutoff := r.cutoff()
	first, ok := r.journal.first(0, cutoff)
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.ring.indexSince(cutoff); i < r.ring.count && (!ok || r.ring.at(i).Position.Seq < first) {
		first, ok = r.ring.at(i).Position.Seq, true
	}
	if !ok {
		return r.position(r.head)
	}
	return r.position(first - 1)
}

// BeforeNewest returns the position that the newest n records follow, whether all of them are retained or not. If
// the log never had n records, it returns the position before the first.
func (r *Reader) BeforeNewest(n int) schema.Position {
	start := r.Start()
	r.mu.Lock()
	defer r.mu.Unlock()
	if n <= 0 {
		return r.position(r.head)
	}
	if n <= r.ring.count {
		return r.position(r.ring.at(r.ring.count-n).Position.Seq - 1)
	}
	if seq, ok := r.journal.newest(n); ok {
		return r.position(seq - 1)
	}
	return r.position(min(r.head-min(uint64(n), r.head), start.Seq))
}

// cutoff returns the time of the oldest record that readers may get, or the zero time if age is not bounded.
func (r *Reader) cutoff() time.Time {
	if r.opts.Age <= 0 {
		return time.Time{}
	}
	return time.Now().Add(-r.opts.Age)
}

// ReadMemory returns the records after sequence number seq, in order, without blocking. It returns at most maxBytes
// of documents, but at least one record if there is one. It reuses the memory of recs and drops its former contents.
//
// The next call continues after upTo. That is the last record's number, or a higher one if the records that follow
// are lost. Channel grown is closed once there are more records. A seq beyond the head gets no records. If err is
// not nil, it is ErrNotInMemory, and Read returns the records.
func (r *Reader) ReadMemory(recs []*Record, seq uint64, maxBytes int) (
	_ []*Record, upTo uint64, grown <-chan struct{}, err error,
) {
	recs = recs[:0]
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.ring.indexAfter(seq)
	if r.opts.Age > 0 && i < r.ring.count {
		i = max(i, r.ring.indexSince(r.cutoff()))
	}
	if i == 0 && r.inJournal(seq) {
		return recs, seq, nil, ErrNotInMemory
	}
	size := 0
	for ; i < r.ring.count; i++ {
		rec := r.ring.at(i)
		if size += len(rec.Event.Document); size > maxBytes && len(recs) > 0 {
			return recs, recs[len(recs)-1].Position.Seq, closedChan, nil
		}
		recs = append(recs, rec)
	}
	return recs, max(seq, r.head), r.grown, nil
}

// inJournal reports whether the journal has records after sequence number seq that are not in memory. The caller
// holds r.mu.
func (r *Reader) inJournal(seq uint64) bool {
	oldest := r.oldestInMemory()
	if seq+1 >= oldest {
		return false
	}
	first, ok := r.journal.first(seq, r.cutoff())
	return ok && first < oldest
}

// oldestInMemory returns the sequence number of the oldest record in memory, or the one after the head if there is
// none. The caller holds r.mu.
func (r *Reader) oldestInMemory() uint64 {
	if r.ring.count == 0 {
		return r.head + 1
	}
	return r.ring.at(0).Position.Seq
}

// closedChan is returned as grown when there are more records already.
var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Read is like ReadMemory, but reads records that are no longer in memory from the journal. It may block on the
// disk, and then returns the records of one block (about 64 KiB) up to the head, whatever maxBytes is. The error is one
// of reading the journal.
func (r *Reader) Read(recs []*Record, seq uint64, maxBytes int) (
	_ []*Record, upTo uint64, grown <-chan struct{}, err error,
) {
	recs, upTo, grown, err = r.ReadMemory(recs, seq, maxBytes)
	if err == nil {
		return recs, upTo, grown, nil
	}
	head := r.Head().Seq
	if recs, err = r.journal.read(recs[:0], seq, r.cutoff()); err != nil {
		return recs, seq, nil, err
	}
	recs = upToSeq(recs, head) // Append writes records to the journal before it makes them visible
	if len(recs) > 0 {
		return recs, recs[len(recs)-1].Position.Seq, closedChan, nil
	}
	r.mu.Lock() // the records were deleted or damaged since ReadMemory
	upTo = max(seq, r.oldestInMemory()-1)
	r.mu.Unlock()
	return recs, upTo, closedChan, nil
}

// upToSeq returns the records up to sequence number seq.
func upToSeq(recs []*Record, seq uint64) []*Record {
	end := sort.Search(len(recs), func(i int) bool { return recs[i].Position.Seq > seq })
	return recs[:end]
}

// Records returns all records in memory whatever their age, the oldest first.
func (r *Reader) Records() []*Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	recs := make([]*Record, r.ring.count)
	for i := range recs {
		recs[i] = r.ring.at(i)
	}
	return recs
}
