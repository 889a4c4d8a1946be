package fanout

import (
	"bytes"

	"wpre-relay/relay/eventlog"
)

// span is a range of the log: the records after number from, up to number upTo. Numbers in the range that have no
// record are lost.
type span struct {
	recs []*eventlog.Record
	from uint64
	upTo uint64
}

// empty reports whether the span covers no numbers.
func (s span) empty() bool { return len(s.recs) == 0 && s.upTo == s.from }

// batch is a sequence of whole frames for the clients of one audience. Its memory is reused by the next fill, so nothing
// may refer to joined after that; see rest.
type batch struct {
	joined []byte // all frames
	frames []frameEnd
	recs   []*eventlog.Record // memory for reading the log
}

// frameEnd is the end of one frame of a batch, and what a client that has got it has received.
type frameEnd struct {
	end    int    // in joined
	upTo   uint64 // number of the newest record that the client has received, or has been told is lost
	events int    // number of the batch's events up to here
	copy   []byte // made by rest; nil until then
}

// set makes b the batch of one frame, which leaves clients at number upTo.
func (b *batch) set(frame []byte, upTo uint64) {
	b.joined = append(b.joined[:0], frame...)
	b.frames = append(b.frames[:0], frameEnd{end: len(frame), upTo: upTo})
}

// fill makes b the batch that sends the span to clients of an audience.
func (b *batch) fill(k kind, epoch string, s span) {
	b.joined, b.frames = b.joined[:0], b.frames[:0]
	at, events := s.from, 0
	for _, rec := range s.recs {
		seq := rec.Position.Seq
		if seq > at+1 {
			b.add(k.format.appendGap(b.joined, k.gap(epoch, at, seq-1)), seq-1, events)
		}
		if at = seq; !k.sees(rec) {
			continue
		}
		events++
		b.add(k.format.appendRecord(b.joined, rec), seq, events)
	}
	if s.upTo > at {
		b.add(k.format.appendGap(b.joined, k.gap(epoch, at, s.upTo)), s.upTo, events)
	}
	if events > 0 {
		b.add(k.format.appendMark(b.joined, s.upTo), s.upTo, events)
	}
}

// add makes joined, which is b.joined with one more frame, the batch's bytes. A format that has no frame for something
// leaves them as they are.
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

// begun returns how many frames the first n bytes begin.
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

// rest returns the bytes of frame i that are not among the batch's first n bytes. They are a copy, which all clients
// share whose socket was full within that frame.
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
