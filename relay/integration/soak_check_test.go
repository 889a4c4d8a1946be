//go:build linux

package integration_test

import (
	"encoding/json"

	"wpre-relay/schema"
)

// soakMessage is an event with its position, or a gap.
type soakMessage struct {
	ID    schema.Position
	Event struct {
		Timestamp int64 // the number of the event, counted by type
		Type      string
	}
	Gap *struct {
		Since, Until schema.Position
		Missing      *uint64
	}
}

// receive checks that a message is the next one.
func (r *reader) receive(text []byte) {
	var m soakMessage
	if err := json.Unmarshal(text, &m); err != nil {
		r.t.Errorf("%s, %s: %v in %.200s", r.on.name, r.kind, err, text)
		return
	}
	r.messages++
	before, lost, twice, disordered := r.since, r.lost, r.twice, r.disordered
	if m.Gap != nil {
		r.receiveGap(m)
	} else {
		r.receiveEvent(m)
	}
	if lost != r.lost || twice != r.twice || disordered != r.disordered {
		r.t.Errorf("%s, %s: after %v, at %s, the client gets %.200s", r.on.name, r.kind, r.last, before, text)
	}
	if m.ID != (schema.Position{}) {
		r.since = m.ID
	}
}

// seesAll reports whether the client gets every event.
func (r *reader) seesAll() bool { return r.on.key == "" || r.kind == "token" }

// receiveGap checks a gap. Only a client that is slow, or that reads from a short history, gets one. It may begin after
// events that the client does not see.
func (r *reader) receiveGap(m soakMessage) {
	r.gaps++
	r.afterGap = true
	gap := m.Gap
	missing := gap.Until.Seq - gap.Since.Seq
	if gap.Since.Epoch != r.since.Epoch || gap.Since.Seq < r.since.Seq || gap.Since != r.since && r.seesAll() ||
		gap.Until.Epoch != r.since.Epoch || gap.Until.Seq <= gap.Since.Seq ||
		gap.Missing != nil && *gap.Missing != missing || r.on.key == "" && r.kind != "slow" {
		r.lost++
	}
	r.since = gap.Until
}

// receiveEvent checks the position and the number of an event. A client that does not see all events has holes between
// its positions, and one that gets bare events has no positions.
func (r *reader) receiveEvent(m soakMessage) {
	kind, n := m.Event.Type, m.Event.Timestamp
	if positions := r.kind != "page"; positions {
		switch {
		case m.ID.Epoch != r.since.Epoch || m.ID.Seq > r.since.Seq+1 && r.seesAll():
			r.lost++
		case m.ID.Seq <= r.since.Seq:
			r.twice++
		}
	}
	switch before, known := r.last[kind]; {
	case known && n == before:
		r.twice++
	case known && n < before:
		r.disordered++
	case r.on.key == "" && n != before+1 && !r.afterGap: // with the companion, no event is overwritten
		r.lost++
	}
	if kind == "secret" && r.kind != "token" && r.kind != "expiring" {
		r.t.Errorf("%s, %s: the public sees a hidden event", r.on.name, r.kind)
	}
	r.last[kind], r.afterGap = n, false
	if kind == "post_saved" && r.kind != "page" {
		for old := r.on.received.Load(); old < n && !r.on.received.CompareAndSwap(old, n); old = r.on.received.Load() {
		}
	}
}

// add adds the counts of another client.
func (r *reader) add(other *reader) {
	r.messages += other.messages
	r.connections += other.connections
	r.gaps += other.gaps
	r.lost += other.lost
	r.twice += other.twice
	r.disordered += other.disordered
}
