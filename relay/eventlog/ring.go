package eventlog

import (
	"sort"
	"time"
)

// ring holds the newest records in memory, in their order, up to a count and a weight.
type ring struct {
	recs     []*Record // the oldest is at first, the others follow, around the end
	first    int
	count    int
	bytes    int // of documents
	maxBytes int
}

func newRing(records, bytes int) ring { return ring{recs: make([]*Record, records), maxBytes: bytes} }

// at returns the record that i others come before.
func (r *ring) at(i int) *Record { return r.recs[(r.first+i)%len(r.recs)] }

// after returns how many records have no number beyond seq.
func (r *ring) after(seq uint64) int {
	if r.count == 0 || r.at(r.count-1).Position.Seq <= seq {
		return r.count
	}
	return sort.Search(r.count, func(i int) bool { return r.at(i).Position.Seq > seq })
}

// expired returns how many records are from before t.
func (r *ring) expired(t time.Time) int {
	if r.count == 0 || !r.at(0).Time.Before(t) {
		return 0
	}
	return sort.Search(r.count, func(i int) bool { return !r.at(i).Time.Before(t) })
}

// push adds rec and drops what is beyond the bounds; rec itself stays.
func (r *ring) push(rec *Record) {
	if r.count == len(r.recs) {
		r.drop()
	}
	r.recs[(r.first+r.count)%len(r.recs)] = rec
	r.count++
	r.bytes += len(rec.Event.Document)
	for r.bytes > r.maxBytes && r.count > 1 {
		r.drop()
	}
}

// drop drops the oldest record.
func (r *ring) drop() {
	r.bytes -= len(r.recs[r.first].Event.Document)
	r.recs[r.first] = nil
	r.first = (r.first + 1) % len(r.recs)
	r.count--
}
