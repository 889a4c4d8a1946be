package server

import (
	"io"
	"net/netip"
	"strconv"
	"time"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/schema"
)

// historyPage is a response of /history that is being written:
//
//	{"gap":GAP,"events":[{"id":POSITION,"time":TIME,"event":DOCUMENT},…],"next":POSITION,"more":BOOL}
//
// It writes the documents from the memory of the log, so it copies none of them.
type historyPage struct {
	w     io.Writer
	view  fanout.View // nil: all events
	limit int         // maximum number of events
	share share

	gap    *eventlog.Gap   // nil: none
	next   schema.Position // the next page begins after this position
	events int             // number of events written
	size   int             // of all documents that the page has passed, visible to the client or not
	began  bool            // something was written
	err    error           // of the first write that failed; the client is gone

	recs []*eventlog.Record // memory for reading the log
	buf  []byte             // memory for encoding
}

// share is what a response holds of the budget.
type share struct {
	buffers *budget.Budget
	network netip.Prefix
	held    int
}

// full reports whether the page takes no more events.
func (p *historyPage) full() bool { return p.events >= p.limit || p.size >= maxHistoryBytes }

// skipTo adds the gap from next to seq at the beginning of the page. It reports false if the page has begun already.
func (p *historyPage) skipTo(log *eventlog.Reader, seq uint64) bool {
	if p.events > 0 || p.gap != nil {
		return false
	}
	until := schema.Position{Epoch: p.next.Epoch, Seq: seq}
	gap := log.Gap(p.next, until, p.view != nil)
	p.gap, p.next = &gap, until
	return true
}

// addGap adds a gap of unknown size from next to until at the beginning of the page. It reports false if the page has
// events already.
func (p *historyPage) addGap(until schema.Position) bool {
	if p.events > 0 {
		return false
	}
	since := p.next
	if p.gap != nil {
		since = p.gap.Since
	}
	p.gap = &eventlog.Gap{Since: since, Until: until, Uncounted: true}
	return true
}

// append writes the events that the client sees, up to the limit and the next gap. It reports false, and writes
// nothing, if the piece is larger than what the budget has left.
func (p *historyPage) append(recs []*eventlog.Record) bool {
	bytes := 0
	for _, rec := range recs {
		bytes += len(rec.Event.Document)
	}
	more := max(0, bytes-p.share.held)
	if !p.share.buffers.Acquire(p.share.network, more) {
		return false
	}
	defer p.share.buffers.Release(p.share.network, more)
	for _, rec := range recs {
		if p.full() || rec.Position.Seq != p.next.Seq+1 {
			break
		}
		if rec.IsGap() && !p.addGap(rec.Position) {
			break
		}
		if !rec.IsTombstone() && (p.view == nil || p.view.Sees(rec)) {
			p.appendEvent(rec)
		}
		p.size += len(rec.Event.Document)
		p.next = rec.Position
	}
	clear(recs) // the log alone decides which records stay in memory
	return true
}

// appendEvent writes one event.
func (p *historyPage) appendEvent(rec *eventlog.Record) {
	if p.begin(); p.events > 0 {
		p.buf = append(p.buf, ',')
	}
	p.events++
	p.buf = rec.Position.AppendJSON(append(p.buf, `{"id":`...))
	p.buf = rec.Time.AppendFormat(append(p.buf, `,"time":"`...), time.RFC3339Nano)
	p.buf = append(p.buf, `","event":`...)
	p.flush()
	p.write(rec.Event.Document)
	p.buf = append(p.buf, '}')
}

// begin encodes what precedes the events.
func (p *historyPage) begin() {
	if p.began {
		return
	}
	p.began = true
	p.buf = append(p.buf, '{')
	if p.gap != nil {
		p.buf = append(p.gap.AppendJSON(append(p.buf, `"gap":`...)), ',')
	}
	p.buf = append(p.buf, `"events":[`...)
}

// end writes the rest of the answer, after the events. more is false if the next page is empty.
func (p *historyPage) end(more bool) {
	p.begin()
	p.buf = p.next.AppendJSON(append(p.buf, `],"next":`...))
	p.buf = strconv.AppendBool(append(p.buf, `,"more":`...), more)
	p.buf = append(p.buf, "}\n"...)
	p.flush()
}

// flush writes the encoded bytes.
func (p *historyPage) flush() {
	p.write(p.buf)
	p.buf = p.buf[:0]
}

// write writes text unless the client is gone.
func (p *historyPage) write(text []byte) {
	if p.err == nil {
		_, p.err = p.w.Write(text)
	}
}
