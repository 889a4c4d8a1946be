package eventlog_test

import (
	"slices"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// check compares a log that was opened after a failure with the events that clients got before, and returns the broken
// promises. It appends an event.
func (h *history) check(t *testing.T, log *eventlog.Log, killed bool) (problems []string) {
	t.Helper()
	if h.epoch != "" && log.Epoch() != h.epoch {
		problems = append(problems, "it has another epoch")
	}
	h.epoch = log.Epoch() // of the event that is appended below; "" if the power was cut during the first start
	kept := view(t, log, schema.Position{Epoch: log.Epoch()}, nil)
	if h.lose(kept, killed) {
		problems = append(problems, "a record is lost")
	}
	if h.reused(kept) {
		problems = append(problems, "a number names two events")
	}
	before := h.published
	h.append(t, log, 1)
	for _, p := range before {
		if h.published[len(before)].seq <= p.seq {
			problems = append(problems, "a number is assigned again")
		}
	}
	if killed && len(before) > 0 && h.published[len(before)].seq != before[len(before)-1].seq+1 {
		problems = append(problems, "a kill skips numbers")
	}
	for i := max(0, len(before)-6); i < len(before); i++ {
		problems = append(problems, h.checkClient(t, log, i)...)
	}
	return problems
}

// lose records which of the newest records are lost. It reports whether one of them must not be: after a kill, or if it
// was synced. The log may have dropped an old record in favor of one that no client has got.
func (h *history) lose(kept []item, killed bool) (lost bool) {
	for i := max(0, len(h.published)-powerOptions.Records+1); i < len(h.published); i++ {
		p := &h.published[i]
		if p.lost || contains(kept, p.seq) {
			continue
		}
		lost = lost || killed || i < h.synced
		p.lost = true
	}
	return lost
}

// reused reports whether a number names another event than before.
func (h *history) reused(kept []item) bool {
	for _, p := range h.published {
		for _, k := range kept {
			if !k.gap && (k.seq == p.seq) != (k.event == p.event) {
				return true
			}
		}
	}
	return false
}

// item is what a client gets: a record, or a gap up to seq.
type item struct {
	published
	gap bool
}

// view returns what a client gets that continues at a position, after a gap if there is one.
func view(t *testing.T, log *eventlog.Log, at schema.Position, gap *eventlog.Gap) (items []item) {
	t.Helper()
	if gap != nil {
		items = append(items, item{published{seq: at.Seq}, true})
	}
	for seq := at.Seq; ; {
		recs, upTo, _, err := log.Read(nil, seq, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		before := seq
		for _, rec := range recs {
			if rec.Position.Seq > seq+1 {
				items = append(items, item{published{seq: rec.Position.Seq - 1}, true})
			}
			seq = rec.Position.Seq
			items = append(items, item{published{seq: seq, event: string(rec.Event.Document)}, false})
		}
		if upTo > seq {
			items = append(items, item{published{seq: upTo}, true})
		}
		if upTo == before {
			return items
		}
		seq = upTo
	}
}

// contains reports whether items have the record with this number.
func contains(items []item, seq uint64) bool {
	return slices.ContainsFunc(items, func(i item) bool { return !i.gap && i.seq == seq })
}

// checkClient resumes a client that has got the events up to the one with index i. It must get the others in order, and
// a gap in place of each one that it does not get.
func (h *history) checkClient(t *testing.T, log *eventlog.Log, i int) (problems []string) {
	t.Helper()
	at, gap := log.Resume(schema.Position{Epoch: h.epoch, Seq: h.published[i].seq})
	missed, last := false, h.published[i].seq
	expected := h.published[i+1:]
	for _, got := range view(t, log, at, gap) {
		if got.gap {
			missed = true
			continue
		}
		if got.seq <= last {
			problems = append(problems, "a client gets an event twice or in the wrong order")
		}
		last = got.seq
		for len(expected) > 0 && expected[0].seq < got.seq {
			if !missed {
				problems = append(problems, "a client gets no gap for a lost event")
			}
			expected = expected[1:]
		}
		if len(expected) > 0 && expected[0].seq == got.seq {
			expected = expected[1:]
		}
		missed = false
	}
	if len(expected) > 0 && !missed {
		problems = append(problems, "a client gets no gap for the newest events")
	}
	return problems
}
