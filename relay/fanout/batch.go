package fanout

import (
	"slices"

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

// batch is whole frames that go to clients, none if nothing of what is new is for them. It is only read.
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
	told  int    // how many events that one was told by this batch
}

// set makes b the batch of one frame, which leaves clients at number upTo.
func (b *batch) set(frame []byte, upTo uint64) {
	b.joined = frame
	b.frames = append(b.frames[:0], frameOut{bytes: frame, upTo: upTo})
}

// fill makes b the batch that tells clients of kind k what is new. The log's own frames are copied only to join them.
func (b *batch) fill(k kind, epoch string, s stretch) {
	b.frames = b.frames[:0]
	if k.format == Plain {
		b.fillPlain(k.view, s)
		return
	}
	b.joined = b.buf[:0] // which is nil unless b is alone
	at, told := s.from, 0
	add := func(joined []byte, upTo uint64) {
		if n := len(b.joined); len(joined) > n {
			b.frames = append(b.frames, frameOut{joined[n:], upTo, told})
		}
		b.joined, at = joined, upTo
	}
	addGap := func(upTo uint64) { add(k.format.appendGap(b.joined, k.gap(epoch, at, upTo)), upTo) }
	for _, rec := range s.recs {
		if seq := rec.Position.Seq; seq > at+1 {
			addGap(seq - 1)
		}
		if !k.sees(rec) {
			at = rec.Position.Seq
			continue
		}
		told++
		add(k.format.appendRecord(b.joined, rec), rec.Position.Seq)
	}
	if s.upTo > at {
		addGap(s.upTo)
	}
	if told > 0 {
		add(k.format.appendMark(b.joined, s.upTo), s.upTo)
	}
	if b.alone {
		b.buf = b.joined
	}
}

// told returns how many events the batch tells.
func (b *batch) told() int {
	if len(b.frames) == 0 {
		return 0
	}
	return b.frames[len(b.frames)-1].told
}

func (b *batch) fillPlain(v View, s stretch) {
	for _, rec := range s.recs {
		if v == nil || v.Sees(rec) {
			b.frames = append(b.frames, frameOut{rec.Frame(), rec.Position.Seq, len(b.frames) + 1})
		}
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
