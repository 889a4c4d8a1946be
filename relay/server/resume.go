package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/schema"
)

// now is what a client gives for a position that begins at the head and wants to be told where that is.
const now = "now"

// behindPatience is how long a client waits for this relay to get to where another one has brought it: longer than it takes to
// find out that a broker is away, which is 6.5 s with RabbitMQ, and 4 s with others.
const behindPatience = 8 * time.Second

// errBehind is for a client that has more than this relay has got of the history that it shares with others.
var errBehind = errors.New("this relay is behind the others; come again, or to another")

// catchUp waits until the log has got to a position, where that may take a moment. The error is errBehind or ctx's.
func (s *Server) catchUp(ctx context.Context, to schema.Position) error {
	if s.opts.Behind == nil || to.Epoch != s.log.Epoch() {
		return nil
	}
	timeout := time.NewTimer(behindPatience)
	defer timeout.Stop()
	for {
		head := s.log.Head().Seq
		if head >= to.Seq {
			return nil
		}
		_, _, grown, err := s.log.ReadMemory(nil, head, 1)
		if err != nil {
			return err
		}
		select {
		case <-grown:
		case <-timeout.C:
			if s.opts.Behind() {
				return errBehind
			}
			return nil // it says what is not so
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// begin sets where the client begins: where it asks to, else where its browser was when its last connection ended, else
// at the head, which for a while after the start comes with what was found at that. The error is the client's.
func (s *Server) begin(v visit, entry *fanout.ClientConfig) error {
	asked, err := s.askedFor(v.r, entry.View)
	if err != nil {
		return err
	}
	if entry.Format == fanout.Acked {
		browser, known := s.returns.browser(v.w, v.r)
		leave := entry.OnDisconnect
		entry.OnDisconnect = func(end fanout.Disconnect) {
			leave(end)
			if end.EndedBy != fanout.EndedByClient {
				s.returns.left(browser, end.LastDelivered)
			}
		}
		if had, ok := s.returns.back(browser); ok {
			asked = &schema.Position{Epoch: s.log.Epoch(), Seq: had}
		} else if known && s.found.soon() { // the relay before this one was killed: what the browser had is forgotten
			asked = &s.found.after
		}
	}
	if asked == nil {
		head := s.log.Head()
		asked = &head
		entry.Replay = s.found.take(v.r, entry)
	}
	if err := s.catchUp(v.r.Context(), *asked); err != nil {
		return err
	}
	at, gap := s.place(*asked, entry.View)
	entry.Position, entry.Gap = at, gap
	if v.r.URL.Query().Get("since") == now {
		entry.SendPosition = true
	}
	return nil
}

// place returns the position of this history for one that a client has. If it cannot have that from here there is a gap
// between the two.
func (s *Server) place(asked schema.Position, view fanout.View) (schema.Position, *eventlog.Gap) {
	head := s.log.Head()
	switch {
	case asked.Epoch != head.Epoch:
		start := s.log.Start()
		return start, &eventlog.Gap{Since: asked, Until: start, Uncounted: view != nil}
	case asked.Seq > head.Seq:
		return head, &eventlog.Gap{Since: asked, Until: head, Uncounted: view != nil}
	default:
		return asked, nil
	}
}

// knowsItsPlace reports whether the client asks for a position.
func knowsItsPlace(r *http.Request) bool {
	query := r.URL.Query()
	return query.Has("since") || query.Has("last")
}

// askedFor returns the position that the client asks to begin after, nil if it does not.
func (s *Server) askedFor(r *http.Request, view fanout.View) (*schema.Position, error) {
	query := r.URL.Query()
	since := cmp.Or(r.Header.Get("Last-Event-ID"), query.Get("last_event_id"), query.Get("since"))
	switch {
	case since == now:
		head := s.log.Head()
		return &head, nil
	case since != "":
		at, err := schema.ParsePosition(since)
		return &at, err
	case query.Get("last") != "":
		n, err := number(query, "last", 0, 1<<31-1)
		if err != nil {
			return nil, err
		}
		at, err := s.before(n, view)
		return &at, err
	}
	return nil, nil
}

// before returns the position before the newest n events that the client sees, or before all that are kept.
func (s *Server) before(n int, view fanout.View) (schema.Position, error) {
	if view == nil || n == 0 {
		return s.log.BeforeNewest(n), nil
	}
	start := s.log.Start()
	for tried := n; ; tried *= 2 { // from further and further back, until there are enough
		at := s.log.BeforeNewest(min(tried, 1<<31-1))
		seen, err := s.seenAfter(at.Seq, view)
		switch {
		case err != nil:
			return at, err
		case len(seen) >= n:
			at.Seq = seen[len(seen)-n] - 1
			return at, nil
		case at.Seq <= start.Seq:
			return at, nil
		}
	}
}

// seenAfter returns the numbers of the events after number seq that the client sees.
func (s *Server) seenAfter(seq uint64, view fanout.View) (seen []uint64, err error) {
	for {
		recs, upTo, _, err := s.log.Read(nil, seq, maxPastBytes)
		if err != nil || upTo == seq {
			return seen, err
		}
		for _, rec := range recs {
			if view.Sees(rec) {
				seen = append(seen, rec.Position.Seq)
			}
		}
		seq = upTo
	}
}

// number returns a parameter of the query that must be between least and most.
func number(query url.Values, name string, least, most int) (int, error) {
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s=%.20q is not a number from %d to %d", name, query.Get(name), least, most)
	}
	return n, nil
}
