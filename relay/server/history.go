package server

import (
	"encoding/json"
	"net/http"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/schema"
)

const (
	// usualPast and maxPast are how many events /history answers with, if it is not told and at most.
	usualPast = 100
	maxPast   = 1000

	// maxPastBytes is about how many bytes of events that is at most.
	maxPastBytes = 4 << 20
)

// past is the answer of /history.
type past struct {
	Gap    *eventlog.Gap   `json:"gap,omitempty"`
	Events []pastEvent     `json:"events"`
	Next   schema.Position `json:"next"` // to ask for what comes after these
	More   bool            `json:"more"` // there is some already
}

type pastEvent struct {
	ID    schema.Position `json:"id"`
	Time  time.Time       `json:"time"`
	Event json.RawMessage `json:"event"`
}

// history answers with what is kept after the position that the client asks for, else with the newest events. Both are
// at most ?limit= of them.
func (s *Server) history(v visit) {
	identity, ok := s.identify(v)
	if !ok {
		return
	}
	limit, err := usualPast, error(nil)
	if v.r.URL.Query().Get("limit") != "" {
		limit, err = number(v.r.URL.Query(), "limit", 1, maxPast)
	}
	asked, err2 := s.askedFor(v.r, identity.view)
	if err == nil {
		err = err2
	}
	if err == nil && asked != nil {
		err = s.catchUp(v.r.Context(), *asked)
	}
	if err != nil {
		s.rejectPosition(v, err)
		return
	}
	answer, err := s.newestOrPast(asked, limit, identity.view)
	if err != nil {
		s.opts.Logger.Error("the history cannot be read", "error", err)
		http.Error(v.w, "wpre-relay: the history cannot be read", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("X-Content-Type-Options", "nosniff")
	encoder := json.NewEncoder(v.w)
	encoder.SetEscapeHTML(false) // documents stay as they are
	encoder.Encode(answer)
}

// newestOrPast returns the newest events, at most limit, or those after a position if one is asked for.
func (s *Server) newestOrPast(asked *schema.Position, limit int, view fanout.View) (past, error) {
	if asked != nil {
		return s.past(*asked, limit, view)
	}
	at, err := s.before(limit, view)
	if err != nil {
		return past{}, err
	}
	if start := s.log.Start(); at.Seq < start.Seq {
		at = start // who asks for no place misses nothing
	}
	return s.past(at, limit, view)
}

// past returns at most limit events after a position.
func (s *Server) past(asked schema.Position, limit int, view fanout.View) (past, error) {
	answer := past{Events: []pastEvent{}}
	at, gap := s.place(asked, view)
	answer.Gap = gap
	for size := 0; len(answer.Events) < limit && size < maxPastBytes; {
		recs, upTo, _, err := s.log.Read(nil, at.Seq, maxPastBytes-size)
		if err != nil {
			return past{}, err
		}
		if len(recs) == 0 && upTo == at.Seq {
			break
		}
		if len(recs) > 0 {
			upTo = recs[0].Position.Seq - 1
		}
		if upTo > at.Seq {
			if len(answer.Events) > 0 || answer.Gap != nil {
				break // the next answer begins with it
			}
			answer.Gap = &eventlog.Gap{Since: at, Until: schema.Position{Epoch: at.Epoch, Seq: upTo}, Uncounted: view != nil}
			at.Seq = upTo
		}
		for _, rec := range recs {
			if len(answer.Events) == limit || rec.Position.Seq != at.Seq+1 {
				break
			}
			if view == nil || view.Sees(rec) {
				answer.Events = append(answer.Events, pastEvent{rec.Position, rec.Time, json.RawMessage(rec.Event.Document)})
			}
			size += len(rec.Event.Document)
			at = rec.Position
		}
	}
	answer.Next = at
	answer.More = at.Seq < s.log.Head().Seq
	return answer, nil
}
