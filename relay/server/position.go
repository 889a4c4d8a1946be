package server

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/listener"
	"wpre-relay/schema"
)

// sinceNow is the value of ?since= for a client that begins at the head of the log and wants to get that position.
const sinceNow = "now"

// readSize is the number of bytes of events that are read from the log at once.
const readSize = 64 << 10

// unknownPosition replaces an id that is no position, for example of another server that used the same address. No
// log has its epoch, so the client gets a gap notice. It must not be rejected: an EventSource sends the id of its
// last event with every attempt.
var unknownPosition = schema.Position{Epoch: "unknown"}

// requestsPosition reports whether the query of a request asks for a position.
func requestsPosition(r *http.Request) bool {
	query := r.URL.Query()
	return query.Has("since") || query.Has("last")
}

// requestedPosition returns the position that a request asks to begin after. found is false if it does not ask for
// one.
func (s *Server) requestedPosition(r *http.Request, view fanout.View) (at schema.Position, found bool, _ *rejection) {
	query := r.URL.Query()
	since := cmp.Or(r.Header.Get("Last-Event-ID"), query.Get("last_event_id"), query.Get("since"))
	switch {
	case since == sinceNow:
		return s.log.Head(), true, nil
	case since != "":
		at, err := schema.ParsePosition(since)
		switch {
		case err == nil:
			return at.In(s.log.Epoch()), true, nil
		case wantsEventStream(r) && since != query.Get("since"):
			return unknownPosition, true, nil
		}
		return at, false, &rejection{reasonPosition, err.Error()}
	case query.Get("last") != "":
		n, rejected := intParameter(query, "last", 0, math.MaxInt32)
		if rejected != nil {
			return at, false, rejected
		}
		listener.MayBlock(r.Context()) // with a view, it reads the log
		at, rejected := s.beforeNewest(n, view)
		return at, true, rejected
	}
	return at, false, nil
}

// resolve returns the position in this log at which a client with the given position continues. If events between the
// two are lost for the client, it returns the gap.
func (s *Server) resolve(position schema.Position, view fanout.View) (schema.Position, *eventlog.Gap) {
	at, gap := s.log.Resume(position)
	if gap != nil && view != nil {
		gap.Uncounted = true
	}
	return at, gap
}

// beforeNewest returns the position before the newest n events that the client sees. If the log has fewer, it returns
// a position before all of them.
func (s *Server) beforeNewest(n int, view fanout.View) (schema.Position, *rejection) {
	if view == nil || n == 0 {
		return s.log.BeforeNewest(n), nil
	}
	start := s.log.Start()
	for count := n; ; count *= 2 { // go further back until there are enough
		at := s.log.BeforeNewest(min(count, math.MaxInt32))
		visible, _, err := s.visibleAfter(at.Seq, view, math.MaxInt)
		if err == nil && visible >= n {
			var seq uint64
			_, seq, err = s.visibleAfter(at.Seq, view, visible-n+1)
			at = s.log.At(max(seq, 1) - 1)
		}
		switch {
		case err != nil:
			return at, s.readFailed(err)
		case visible >= n, at.Seq <= start.Seq:
			return at, nil
		}
	}
}

// visibleAfter counts the events after seq that the client sees, at most limit of them. It returns the sequence number
// of the last one, or 0 if there is none. It keeps no events, because several clients may ask at once.
func (s *Server) visibleAfter(seq uint64, view fanout.View, limit int) (n int, last uint64, err error) {
	var recs []*eventlog.Record
	for {
		var upTo uint64
		recs, upTo, _, err = s.log.Read(recs, seq, readSize)
		if err != nil || upTo == seq {
			return n, last, err
		}
		for _, rec := range recs {
			if !view.Sees(rec) {
				continue
			}
			if n, last = n+1, rec.Position.Seq; n == limit {
				return n, last, nil
			}
		}
		seq = upTo
	}
}

// readFailed logs an error of reading the journal and returns the rejection for it, which does not contain the error.
func (s *Server) readFailed(err error) *rejection {
	s.opts.Logger.Error("journal read failed", "error", err)
	return &rejection{reasonInternal, "the history cannot be read"}
}

// intParameter returns the value of a query parameter that must be a number from least to most.
func intParameter(query url.Values, name string, least, most int) (int, *rejection) {
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < least || n > most {
		text := fmt.Sprintf("%s=%.20q is not a number from %d to %d", name, query.Get(name), least, most)
		return 0, &rejection{reasonPosition, text}
	}
	return n, nil
}
