package server

import (
	"encoding/json"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/schema"
)

const (
	// defaultHistoryLimit and maxHistoryLimit are the default and the maximum number of events in one page of
	// /history.
	defaultHistoryLimit = 100
	maxHistoryLimit     = 1000
)

// historyPage is the response of /history.
type historyPage struct {
	Gap    *eventlog.Gap   `json:"gap,omitempty"`
	Events []historyEvent  `json:"events"`
	Next   schema.Position `json:"next"` // the next page begins after this position
	More   bool            `json:"more"` // the next page is not empty
}

type historyEvent struct {
	ID    schema.Position `json:"id"`
	Time  time.Time       `json:"time"`
	Event json.RawMessage `json:"event"`
}

// serveHistory answers with the events after the position that the request asks for, or else with the newest events,
// at most ?limit= of them and about readSize bytes.
func (s *Server) serveHistory(req request) {
	id, rejected := s.authenticate(req)
	if rejected != nil {
		s.reject(req, rejected)
		return
	}
	page, rejected := s.requestedHistory(req, id.view)
	if rejected != nil {
		s.reject(req, rejected)
		return
	}
	req.w.Header().Set("Content-Type", "application/json")
	req.w.Header().Set("Cache-Control", "no-store")
	req.w.Header().Set("X-Content-Type-Options", "nosniff")
	encoder := json.NewEncoder(req.w)
	encoder.SetEscapeHTML(false) // events are sent unchanged
	encoder.Encode(page)
}

// requestedHistory returns the page that a request asks for.
func (s *Server) requestedHistory(req request, view fanout.View) (*historyPage, *rejection) {
	limit := defaultHistoryLimit
	if query := req.r.URL.Query(); query.Get("limit") != "" {
		var rejected *rejection
		if limit, rejected = intParameter(query, "limit", 1, maxHistoryLimit); rejected != nil {
			return nil, rejected
		}
	}
	position, found, rejected := s.requestedPosition(req.r, view)
	if rejected != nil {
		return nil, rejected
	}
	if found {
		if rejected := s.waitFor(req.r.Context(), position); rejected != nil {
			return nil, rejected
		}
		return s.historyAfter(position, limit, view)
	}
	if position, rejected = s.beforeNewest(limit, view); rejected != nil {
		return nil, rejected
	}
	if start := s.log.Start(); position.Seq < start.Seq {
		position = start // a request without a position misses nothing, so there is no gap
	}
	return s.historyAfter(position, limit, view)
}

// historyAfter returns the page of at most limit events after a position. A gap is the first thing in a page: in the
// middle, it ends the page.
func (s *Server) historyAfter(position schema.Position, limit int, view fanout.View) (*historyPage, *rejection) {
	page := &historyPage{Events: []historyEvent{}}
	page.Next, page.Gap = s.resolve(position, view)
	for size := 0; len(page.Events) < limit && size < readSize; {
		recs, upTo, _, err := s.log.Read(nil, page.Next.Seq, readSize-size)
		if err != nil {
			return nil, s.readFailed(err)
		}
		if len(recs) > 0 {
			upTo = recs[0].Position.Seq - 1 // records between Next and the first one are lost
		} else if upTo == page.Next.Seq {
			break
		}
		if upTo > page.Next.Seq && !page.skipTo(upTo, view) {
			break
		}
		before := page.Next
		if size += page.append(recs, limit, view); page.Next == before {
			break
		}
	}
	page.More = page.Next.Seq < s.log.Head().Seq
	return page, nil
}

// skipTo adds the gap from Next to seq at the beginning of the page. It reports false if the page has begun already.
func (p *historyPage) skipTo(seq uint64, view fanout.View) bool {
	if len(p.Events) > 0 || p.Gap != nil {
		return false
	}
	until := schema.Position{Epoch: p.Next.Epoch, Seq: seq}
	p.Gap = &eventlog.Gap{Since: p.Next, Until: until, Uncounted: view != nil}
	p.Next = until
	return true
}

// addGap adds a gap of unknown size from Next to until at the beginning of the page. It reports false if the page has
// events already.
func (p *historyPage) addGap(until schema.Position) bool {
	if len(p.Events) > 0 {
		return false
	}
	since := p.Next
	if p.Gap != nil {
		since = p.Gap.Since
	}
	p.Gap = &eventlog.Gap{Since: since, Until: until, Uncounted: true}
	return true
}

// append adds the events that the client sees, up to the limit and the next gap, and returns the size of all events
// that it has passed.
func (p *historyPage) append(recs []*eventlog.Record, limit int, view fanout.View) (size int) {
	for _, rec := range recs {
		if len(p.Events) == limit || rec.Position.Seq != p.Next.Seq+1 {
			break
		}
		if rec.IsGap() && !p.addGap(rec.Position) {
			break
		}
		if !rec.IsTombstone() && (view == nil || view.Sees(rec)) {
			p.Events = append(p.Events, historyEvent{rec.Position, rec.Time, json.RawMessage(rec.Event.Document)})
		}
		size += len(rec.Event.Document)
		p.Next = rec.Position
	}
	return size
}
