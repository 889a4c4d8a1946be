package eventlog

import (
	"math"
	"sort"
	"time"

	"wpre-relay/schema"
)

// ring holds the newest records in memory, in order, bounded by count and by bytes. Its owner locks it.
type ring struct {
	recs     []*Record // the oldest is at first; the others follow and wrap around
	times    []int64   // by index in recs: the value of latest when the record was the newest
	latest   int64     // the latest time of all records up to the newest, in microseconds since 1970
	first    int
	count    int
	bytes    int // sum of the documents' lengths
	maxBytes int
	before   schema.Position // of the record that was evicted last, or before the first record
}

// newRing returns a ring without records. The first one will follow position before.
func newRing(before schema.Position, records, bytes int) ring {
	return ring{
		recs:     make([]*Record, records),
		times:    make([]int64, records),
		latest:   math.MinInt64,
		maxBytes: bytes,
		before:   before,
	}
}

// at returns record i, counted from the oldest.
func (r *ring) at(i int) *Record { return r.recs[r.slot(i)] }

// slot returns the index in recs of record i, counted from the oldest.
func (r *ring) slot(i int) int { return (r.first + i) % len(r.recs) }

// indexAfter returns the index of the first record after sequence number seq, or count if there is none.
func (r *ring) indexAfter(seq uint64) int {
	if r.count == 0 || r.at(r.count-1).Position.Seq <= seq {
		return r.count
	}
	return sort.Search(r.count, func(i int) bool { return r.at(i).Position.Seq > seq })
}

// indexSince returns the index of the first record that is not older than t, or count if there is none. Later records
// may have an earlier time, if the clock was set back.
func (r *ring) indexSince(t time.Time) int {
	cutoff := t.UnixMicro()
	if r.count == 0 || r.times[r.first] >= cutoff {
		return 0
	}
	return sort.Search(r.count, func(i int) bool { return r.times[r.slot(i)] >= cutoff })
}

// push adds rec and evicts the oldest records beyond the bounds. It never evicts rec itself.
func (r *ring) push(rec *Record) {
	if r.count == len(r.recs) {
		r.evict()
	}
	slot := r.slot(r.count)
	r.latest = max(r.latest, rec.Time.UnixMicro())
	r.recs[slot], r.times[slot] = rec, r.latest
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
