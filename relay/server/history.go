package server

import (
	"net/netip"

	"wpre-relay/relay/fanout"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/schema"
)

const (
	// defaultHistoryLimit and maxHistoryLimit are the default and the maximum number of events in one page of
	// /history.
	defaultHistoryLimit = 100
	maxHistoryLimit     = 1000

	// maxHistoryBytes is about the maximum size of one page of /history.
	maxHistoryBytes = 4 << 20

	// historyPiece is the number of bytes of events that are read from the log at once. An answer in progress acquires
	// it from the budget, and more for a piece that is larger because of one large event.
	historyPiece = 64 << 10

	// maxHistoryAnswers limits the answers of /history in progress. One address gets at most half of them.
	maxHistoryAnswers = 256
)

// serveHistory answers with the events after the position that the request asks for, or else with the newest events,
// at most ?limit= of them and about maxHistoryBytes. It counts as a client of the address until it has answered.
func (s *Server) serveHistory(req request) {
	network := clientaddr.NetworkOf(req.address)
	release, rejected := s.reserveHistory(network)
	if rejected != nil {
		s.reject(req, rejected)
		return
	}
	defer release()
	page, rejected := s.requestedHistory(req)
	if rejected != nil {
		s.reject(req, rejected)
		return
	}
	page.share = share{s.opts.Buffers, network, historyPiece}
	req.w.Header().Set("Content-Type", "application/json")
	req.w.Header().Set("Cache-Control", "no-store")
	req.w.Header().Set("X-Content-Type-Options", "nosniff")
	if rejected := s.writeHistory(page); rejected != nil {
		s.reject(req, rejected)
	}
}

// reserveHistory reserves what an answer of /history takes: a slot of a client at the address, one of the answers in
// progress, and a part of the budget. Unless it rejects the request, the caller must call release once.
func (s *Server) reserveHistory(network netip.Prefix) (release func(), _ *rejection) {
	free, rejected := s.admission.reserveAddress(network)
	switch {
	case rejected != nil:
		return nil, rejected
	case !s.historyAnswers.Acquire(network, 1):
		free()
		return nil, &rejection{reasonHistory, "too many answers of /history are in progress; retry"}
	case !s.opts.Buffers.Acquire(network, historyPiece):
		s.historyAnswers.Release(network, 1)
		free()
		return nil, &rejection{reasonBuffers, "the memory for slow clients is in use; retry"}
	}
	return func() {
		s.opts.Buffers.Release(network, historyPiece)
		s.historyAnswers.Release(network, 1)
		free()
	}, nil
}

// requestedHistory returns the page that a request asks for, without its events.
func (s *Server) requestedHistory(req request) (*historyPage, *rejection) {
	id, rejected := s.authenticate(req)
	if rejected != nil {
		return nil, rejected
	}
	limit := defaultHistoryLimit
	if query := req.r.URL.Query(); query.Get("limit") != "" {
		if limit, rejected = intParameter(query, "limit", 1, maxHistoryLimit); rejected != nil {
			return nil, rejected
		}
	}
	position, rejected := s.historyPosition(req, limit, id.view)
	if rejected != nil {
		return nil, rejected
	}
	page := &historyPage{w: req.w, limit: limit, view: id.view}
	page.next, page.gap = s.resolve(position, id.view)
	return page, nil
}

// historyPosition returns the position that a page of at most limit events follows.
func (s *Server) historyPosition(req request, limit int, view fanout.View) (schema.Position, *rejection) {
	position, found, rejected := s.requestedPosition(req.r, view)
	if rejected != nil {
		return position, rejected
	}
	if found {
		return position, s.waitFor(req.r.Context(), position)
	}
	if position, rejected = s.beforeNewest(limit, view); rejected != nil {
		return position, rejected
	}
	if start := s.log.Start(); position.Seq < start.Seq {
		return start, nil // a request without a position misses nothing, so there is no gap
	}
	return position, nil
}

// writeHistory writes the page, one piece after the other. A gap is the first thing in a page: in the middle, it ends
// the page. So do an error and an exhausted budget, except before the first byte, when the request can be rejected.
func (s *Server) writeHistory(page *historyPage) *rejection {
	for !page.full() {
		recs, upTo, _, err := s.log.Read(page.recs, page.next.Seq, historyPiece)
		page.recs = recs
		switch {
		case err != nil:
			return page.cut(s.readFailed(err))
		case len(recs) > 0:
			upTo = recs[0].Position.Seq - 1 // records between next and the first one are lost
		case upTo == page.next.Seq:
			page.end(false)
			return nil
		}
		if upTo > page.next.Seq && !page.skipTo(s.log, upTo) {
			break
		}
		before := page.next
		if !page.append(recs) {
			return page.cut(&rejection{reasonBuffers, "the memory for slow clients is in use; retry"})
		}
		if page.err != nil {
			return nil
		}
		if page.next == before { // a gap comes next
			break
		}
	}
	page.end(page.next.Seq < s.log.Head().Seq)
	return nil
}

// cut ends a page that has begun, so that the client requests the rest later. It returns the rejection for a page that
// has not begun.
func (p *historyPage) cut(rejected *rejection) *rejection {
	if !p.began {
		return rejected
	}
	p.end(true)
	return nil
}
