package fanout

import (
	"bytes"

	"wpre-relay/relay/eventlog"
)

// span is the records of the log after number from, up to number upTo. The log no longer keeps the numbers in
// between that have no record.
type span struct {
	recs []*eventlog.Record
	from uint64
	upTo uint64
}

// empty reports whether the span covers no numbers.
func (s span) empty() bool { return len(s.recs) == 0 && s.upTo == s.from }

// missing reports whether the span has numbers without a record.
func (s span) missing() bool { return s.upTo-s.from > uint64(len(s.recs)) }

// batch is a sequence of frames for the clients of one audience. The next fill reuses its memory, so a client must
// not keep a part of joined: see rest.
type batch struct {
	joined []byte // all frames
	frames []frameEnd
	recs   []*eventlog.Record // memory for reading the log
}

// frameEnd is the end of one frame of a batch.
type frameEnd struct {
	end    int    // index in joined
	upTo   uint64 // a client that has the frame has everything up to this number
	events int    // number of the batch's events up to here
	copy   []byte // made by rest; nil before that
}

// set makes b a batch of one frame that has no event, for clients that have everything up to number upTo.
func (b *batch) set(frame []byte, upTo uint64) {
	b.joined = append(b.joined[:0], frame...)
	b.frames = append(b.frames[:0], frameEnd{end: len(frame), upTo: upTo})
}

// fill makes b the batch of a span: the events that the audience sees, gap notices, and a ping for the
// acknowledgment, each if the format has it.
func (b *batch) fill(a audience, epoch string, s span) {
	b.joined, b.frames = b.joined[:0], b.frames[:0]
	at, events := s.from, 0
	for _, rec := range s.recs {
		seq := rec.Position.Seq
		if seq > at+1 {
			b.add(a.format.appendGap(b.joined, a.gap(epoch, at, seq-1)), seq-1, events)
		}
		if rec.IsGap() {
			lost := a.gap(epoch, at, seq)
			lost.Uncounted = true
			b.add(a.format.appendGap(b.joined, lost), seq, events)
		}
		if at = seq; rec.IsTombstone() || !a.sees(rec) {
			continue
		}
		events++
		b.add(a.format.appendRecord(b.joined, rec), seq, events)
	}
	if s.upTo > at {
		b.add(a.format.appendGap(b.joined, a.gap(epoch, at, s.upTo)), s.upTo, events)
	}
	if events > 0 {
		b.add(a.format.appendAckPing(b.joined, s.upTo), s.upTo, events)
	}
}

// add sets joined to the frames so far and one more. It adds no frame if joined is not longer, because the format
// has none.
func (b *batch) add(joined []byte, upTo uint64, events int) {
	if len(joined) > len(b.joined) {
		b.frames = append(b.frames, frameEnd{end: len(joined), upTo: upTo, events: events})
	}
	b.joined = joined
}

// events returns the number of events in the batch.
func (b *batch) events() int {
	if len(b.frames) == 0 {
		return 0
	}
	return b.frames[len(b.frames)-1].events
}

// begun returns the number of frames of which the batch's first n bytes have at least a part.
func (b *batch) begun(n int) int {
	start := 0
	for i := range b.frames {
		if n <= start {
			return i
		}
		start = b.frames[i].end
	}
	return len(b.frames)
}

// rest returns the part of frame i that is not in the batch's first n bytes. It is a part of a copy of the frame,
// which all clients share whose socket was full within the frame. So many clients that stall at once cost one frame
// of memory.
func (b *batch) rest(i, n int) []byte {
	start, f := 0, &b.frames[i]
	if i > 0 {
		start = b.frames[i-1].end
	}
	if n >= f.end {
		return nil
	}
	if f.copy == nil {
		f.copy = bytes.Clone(b.joined[start:f.end])
	}
	return f.copy[n-start:]
}
