package relay

import (
	"encoding/json"
	"net/http"
	"time"

	"wpre-relay/relay/eventlog"
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
	Gap    *eventlog.Gap     `json:"gap,omitempty"`
	Events []pastEvent       `json:"events"`
	Next   eventlog.Position `json:"next"` // to ask for what comes after these
	More   bool              `json:"more"` // there is some already
}

type pastEvent struct {
	ID    eventlog.Position `json:"id"`
	Time  time.Time         `json:"time"`
	Event json.RawMessage   `json:"event"`
}

// history answers with what is kept after the position that the client asks for, else with the newest events. Both are
// at most ?limit= of them.
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	limit, err := usualPast, error(nil)
	if r.URL.Query().Get("limit") != "" {
		limit, err = number(r.URL.Query(), "limit", 1, maxPast)
	}
	asked, err2 := s.askedFor(r)
	if err == nil {
		err = err2
	}
	if err != nil {
		s.reject(w, r, http.StatusBadRequest, "position", err.Error())
		return
	}
	if asked == nil {
		at := s.log.Before(limit)
		asked = &at
		if start := s.log.Start(); at.Seq < start.Seq {
			asked = &start // who asks for no place misses nothing
		}
	}
	answer, err := s.past(*asked, limit)
	if err != nil {
		s.opts.Logger.Error("the history cannot be read", "error", err)
		http.Error(w, "wpre-relay: the history cannot be read", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // documents stay as they are
	encoder.Encode(answer)
}

// past returns at most limit events after a position.
func (s *Server) past(asked eventlog.Position, limit int) (past, error) {
	answer := past{Events: []pastEvent{}}
	at, gap := s.place(asked)
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
			answer.Gap = &eventlog.Gap{Since: at, Until: eventlog.Position{Epoch: at.Epoch, Seq: upTo}}
			at.Seq = upTo
		}
		for _, rec := range recs {
			if len(answer.Events) == limit || rec.Position.Seq != at.Seq+1 {
				break
			}
			answer.Events = append(answer.Events, pastEvent{rec.Position, rec.Time, json.RawMessage(rec.Event.Document)})
			size += len(rec.Event.Document)
			at = rec.Position
		}
	}
	answer.Next = at
	answer.More = at.Seq < s.log.Head().Seq
	return answer, nil
}
