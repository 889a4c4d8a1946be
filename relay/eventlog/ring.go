package eventlog

import (
	"sort"
	"time"

	"wpre-relay/schema"
)

// ring holds the newest records in memory, in order, bounded by count and by bytes. Its owner locks it.
type ring struct {
	recs     []*Record // the oldest is at first; the others follow and wrap around
	first    int
	count    int
	bytes    int // sum of the documents' lengths
	maxBytes int
	before   schema.Position // of the record that was evicted last, or before the first record
}

// newRing returns a ring without records. The first one will follow position before.
func newRing(before schema.Position, records, bytes int) ring {
	return ring{recs: make([]*Record, records), maxBytes: bytes, before: before}
}

// at returns record i, counted from the oldest.
func (r *ring) at(i int) *Record { return r.recs[(r.first+i)%len(r.recs)] }

// indexAfter returns the index of the first record after sequence number seq, or count if there is none.
func (r *ring) indexAfter(seq uint64) int {
	if r.count == 0 || r.at(r.count-1).Position.Seq <= seq {
		return r.count
	}
	return sort.Search(r.count, func(i int) bool { return r.at(i).Position.Seq > seq })
}

// indexSince returns the index of the first record that is not older than t, or count if there is none.
func (r *ring) indexSince(t time.Time) int {
	if r.count == 0 || !r.at(0).Time.Before(t) {
		return 0
	}
	return sort.Search(r.count, func(i int) bool { return !r.at(i).Time.Before(t) })
}

// push adds rec and evicts the oldest records beyond the bounds. It never evicts rec itself.
func (r *ring) push(rec *Record) {
	if r.count == len(r.recs) {
		r.evict()
	}
	r.recs[(r.first+r.count)%len(r.recs)] = rec
	r.count++
	r.bytes += len(rec.Event.Document)
	for r.bytes > r.maxBytes && r.count > 1 {
		r.evict()
	}
}

// evict removes the oldest record.
func (r *ring) evict() {
	r.bytes -= len(r.recs[r.first].Event.Document)
	r.before = r.recs[r.first].Position
	r.recs[r.first] = nil
	r.first = (r.first + 1) % len(r.recs)
	r.count--
}
