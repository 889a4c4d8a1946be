package relay

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
)

// now is what a client gives for a position that begins at the head and wants to be told where that is.
const now = "now"

// begin sets where the client begins: where it asks to, else where its browser was when its last connection ended, else
// at the head, which for a while after the start comes with what was found at that. The error is the client's.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, entry *fanout.Entry) error {
	asked, err := s.askedFor(r)
	if err != nil {
		return err
	}
	if entry.Format == fanout.Confirmed {
		browser, known := s.returns.browser(w, r)
		leave := entry.Left
		entry.Left = func(end fanout.End) {
			leave(end)
			if !end.Own {
				s.returns.left(browser, end.Had)
			}
		}
		if had, ok := s.returns.back(browser); ok {
			asked = &eventlog.Position{Epoch: s.log.Epoch(), Seq: had}
		} else if known && s.found.soon() { // the relay before this one was killed: what the browser had is forgotten
			asked = &s.found.after
		}
	}
	if asked == nil {
		head := s.log.Head()
		asked = &head
		entry.Found = s.found.take(r, entry)
	}
	at, gap := s.place(*asked)
	entry.After, entry.Gap, entry.Position = at.Seq, gap, at
	if r.URL.Query().Get("since") == now {
		entry.Tell = true
	}
	return nil
}

// place returns the position of this history for one that a client has. If it cannot have that from here there is a gap
// between the two.
func (s *Server) place(asked eventlog.Position) (eventlog.Position, *eventlog.Gap) {
	head := s.log.Head()
	switch {
	case asked.Epoch != head.Epoch:
		start := s.log.Start()
		return start, &eventlog.Gap{Since: asked, Until: start}
	case asked.Seq > head.Seq:
		return head, &eventlog.Gap{Since: asked, Until: head}
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
func (s *Server) askedFor(r *http.Request) (*eventlog.Position, error) {
	query := r.URL.Query()
	since := cmp.Or(r.Header.Get("Last-Event-ID"), query.Get("last_event_id"), query.Get("since"))
	switch {
	case since == now:
		head := s.log.Head()
		return &head, nil
	case since != "":
		at, err := eventlog.ParsePosition(since)
		return &at, err
	case query.Get("last") != "":
		n, err := number(query, "last", 0, 1<<31-1)
		at := s.log.Before(n)
		return &at, err
	}
	return nil, nil
}

// number returns a parameter of the query that must be between least and most.
func number(query url.Values, name string, least, most int) (int, error) {
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s=%.20q is not a number from %d to %d", name, query.Get(name), least, most)
	}
	return n, nil
}
