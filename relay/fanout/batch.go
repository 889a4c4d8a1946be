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
	next uint64 // a client that has the span continues after this number: upTo, or a higher one after a replay
}

// empty reports whether the span covers no numbers.
func (s span) empty() bool { return len(s.recs) == 0 && s.upTo == s.from }

// missing reports whether the span has numbers without a record.
func (s span) missing() bool { return s.upTo-s.from > uint64(len(s.recs)) }

// batch is a sequence of frames for the clients of one audience. The next fill reuses its memory, so a client must
// not keep a part of joined: see unsent.
type batch struct {
	joined []byte // all frames
	frames []frameEnd
	single []byte             // the only frame, if the batch was made by set; read-only
	recs   []*eventlog.Record // memory for reading the log
}

// frameEnd is the end of one frame of a batch.
type frameEnd struct {
	end    int              // index in joined
	upTo   uint64           // a client that has the frame has everything up to this number
	events int              // number of the batch's events up to here
	rec    *eventlog.Record // the frame's record; nil if it has none
}

// set makes b a batch of one frame that has no event, for clients that have everything up to number upTo. Clients may
// keep frame.
func (b *batch) set(frame []byte, upTo uint64) {
	b.single = frame
	b.joined = append(b.joined[:0], frame...)
	b.frames = append(b.frames[:0], frameEnd{end: len(frame), upTo: upTo})
}

// reset makes b empty. It drops the records, since the log alone decides which records stay in memory.
func (b *batch) reset() {
	clear(b.frames)
	clear(b.recs)
	b.joined, b.frames, b.single = b.joined[:0], b.frames[:0], nil
}

// fill makes b the batch of a span: the events that the audience sees, gap notices, and a ping for the
// acknowledgment, each if the format has it.
func (b *batch) fill(a audience, log *eventlog.Reader, s span) {
	b.joined, b.frames, b.single = b.joined[:0], b.frames[:0], nil
	at, events := s.from, 0
	for _, rec := range s.recs {
		seq := rec.Position.Seq
		if seq > at+1 {
			b.add(a.format.appendGap(b.joined, a.gap(log, at, seq-1)), frameEnd{upTo: seq - 1, events: events})
		}
		if rec.IsGap() {
			lost := a.gap(log, at, seq)
			lost.Uncounted = true
			b.add(a.format.appendGap(b.joined, lost), frameEnd{upTo: seq, events: events})
		}
		if at = seq; rec.IsTombstone() || !a.sees(rec) {
			continue
		}
		events++
		b.add(a.format.appendRecord(b.joined, rec), frameEnd{upTo: seq, events: events, rec: rec})
	}
	if s.upTo > at {
		b.add(a.format.appendGap(b.joined, a.gap(log, at, s.upTo)), frameEnd{upTo: s.upTo, events: events})
	}
	if events > 0 {
		b.add(a.format.appendAckPing(b.joined, s.next), frameEnd{upTo: s.next, events: events})
	}
}

// add sets joined to the frames so far and one more, which frame describes. It adds no frame if joined is not longer,
// because the format has none.
func (b *batch) add(joined []byte, frame frameEnd) {
	if frame.end = len(joined); frame.end > len(b.joined) {
		b.frames = append(b.frames, frame)
	}
	b.joined = joined
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

// whole returns the number up to which a client that has the batch's first n bytes has whole frames. It had everything
// up to number from before.
func (b *batch) whole(n int, from uint64) (upTo uint64) {
	upTo = from
	for i := range b.frames {
		if b.frames[i].end > n {
			break
		}
		upTo = b.frames[i].upTo
	}
	return upTo
}

// unsent returns the part of frame i that is not in the batch's first n bytes, or nil if there is none. It shares the
// record with the log, and a frame that set was given with all clients.
func (b *batch) unsent(i, n int) *unsent {
	start, f := 0, &b.frames[i]
	if i > 0 {
		start = b.frames[i-1].end
	}
	switch {
	case n >= f.end:
		return nil
	case f.rec != nil:
		return &unsent{seq: f.rec.Position.Seq, rec: f.rec, sent: n - start}
	case b.single != nil:
		return &unsent{bytes: b.single[n:], sent: n}
	default: // a gap notice or a ping, which are short
		return &unsent{bytes: bytes.Clone(b.joined[n:f.end]), sent: n - start}
	}
}
