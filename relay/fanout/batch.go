package fanout

import (
	"slices"
	"sort"

	"wpre-relay/relay/eventlog"
)

// stretch is what is new in the log: records, in their order, and where they lead a client that has everything up to
// number from.
type stretch struct {
	recs []*eventlog.Record
	from uint64
	upTo uint64
}

// empty reports whether nothing is new.
func (s stretch) empty() bool { return len(s.recs) == 0 && s.upTo == s.from }

// count returns how many of the records have numbers up to seq.
func (s stretch) count(seq uint64) int {
	if seq >= s.upTo {
		return len(s.recs)
	}
	return sort.Search(len(s.recs), func(i int) bool { return s.recs[i].Position.Seq > seq })
}

// batch is one or more whole frames that go to clients. It is only read.
type batch struct {
	joined []byte // all in one piece; good until the batch is made anew
	frames []frameOut
	buf    []byte             // memory for joined, used again where no socket can hold a part
	alone  bool               // no socket ever holds a part
	recs   []*eventlog.Record // memory for those that are told of, used again
}

// frameOut is one frame of a batch.
type frameOut struct {
	bytes []byte // immutable, and kept alive by a socket's rest
	upTo  uint64 // number up to which a client has everything that has got it
}

// set makes b the batch of one frame, which leaves clients at number upTo.
func (b *batch) set(frame []byte, upTo uint64) {
	b.joined = frame
	b.frames = append(b.frames[:0], frameOut{frame, upTo})
}

// fill makes b the batch that tells clients of format f what is new. The log's own frames are copied only to join them.
func (b *batch) fill(f Format, epoch string, s stretch) {
	b.frames = b.frames[:0]
	if f == Plain {
		b.fillPlain(s)
		return
	}
	b.joined = b.buf[:0] // which is nil unless b is alone
	at := s.from
	add := func(joined []byte, upTo uint64) {
		if n := len(b.joined); len(joined) > n {
			b.frames = append(b.frames, frameOut{joined[n:], upTo})
		}
		b.joined, at = joined, upTo
	}
	for _, rec := range s.recs {
		if seq := rec.Position.Seq; seq > at+1 {
			add(f.appendGap(b.joined, gap(epoch, at, seq-1)), seq-1)
		}
		add(f.appendRecord(b.joined, rec), rec.Position.Seq)
	}
	if s.upTo > at {
		add(f.appendGap(b.joined, gap(epoch, at, s.upTo)), s.upTo)
	}
	if !s.empty() {
		add(f.appendMark(b.joined, s.upTo), s.upTo)
	}
	if b.alone {
		b.buf = b.joined
	}
}

func (b *batch) fillPlain(s stretch) {
	for _, rec := range s.recs {
		b.frames = append(b.frames, frameOut{rec.Frame(), rec.Position.Seq})
	}
	if len(b.frames) == 1 {
		b.joined = slices.Clip(b.frames[0].bytes) // it is shared: nothing may be appended to it in place
		return
	}
	b.joined = b.buf[:0]
	for _, frame := range b.frames {
		b.joined = append(b.joined, frame.bytes...)
	}
	b.buf = b.joined
}

func gap(epoch string, since, until uint64) eventlog.Gap {
	return eventlog.Gap{
		Since: eventlog.Position{Epoch: epoch, Seq: since},
		Until: eventlog.Position{Epoch: epoch, Seq: until},
	}
}
