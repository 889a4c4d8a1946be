package simulation

import (
	"cmp"
	"slices"

	"wpre-relay/schema"
)

// model is what the relay has promised: which number names which event.
type model struct {
	epochs map[string]*history
	epoch  string         // of the present log; "" before the first
	times  map[string]int // how often each document is in the log, without lost records
}

// history is the records of one epoch.
type history struct {
	records []*record // in the order of their numbers
	bySeq   map[uint64]*record
}

// record is a record that a client or the test has read.
type record struct {
	seq      uint64
	document string
	synced   bool // a power failure must not lose it
	lost     bool // a restart has lost it
}

func newModel() *model {
	return &model{epochs: make(map[string]*history), times: make(map[string]int)}
}

// of returns the history of an epoch.
func (m *model) of(epoch string) *history {
	h := m.epochs[epoch]
	if h == nil {
		h = &history{bySeq: make(map[uint64]*record)}
		m.epochs[epoch] = h
	}
	return h
}

// head returns the newest number of the epoch.
func (h *history) head() uint64 {
	if len(h.records) == 0 {
		return 0
	}
	return h.records[len(h.records)-1].seq
}

// see adds a record that a client or the test has read, and returns the broken promise, or "". Records come in order,
// unless late is set.
func (m *model) see(at schema.Position, document string, late bool) (problem string) {
	h := m.of(at.Epoch)
	known := h.bySeq[at.Seq]
	switch {
	case known != nil && known.document != document:
		return "a number names two events"
	case known != nil && known.lost:
		return "a lost record is back"
	case known != nil:
		return ""
	case at.Seq <= h.head() && !late:
		return "a number is assigned after a higher one"
	}
	r := &record{seq: at.Seq, document: document}
	i, _ := slices.BinarySearchFunc(h.records, at.Seq, func(r *record, seq uint64) int { return cmp.Compare(r.seq, seq) })
	h.records, h.bySeq[at.Seq] = slices.Insert(h.records, i, r), r
	m.times[document]++
	return ""
}

// sync marks all records as synced.
func (m *model) sync() {
	for _, r := range m.of(m.epoch).records {
		r.synced = true
	}
}

// lose marks the records as lost that a new process does not have. kept are the numbers that it has, in order.
// It returns the broken promise, or "". Without excuse, all records must be there that were synced or, after a kill,
// all.
func (m *model) lose(kept []uint64, killed, excuse bool) (problem string) {
	h := m.of(m.epoch)
	has := make(map[uint64]bool)
	for _, seq := range kept {
		has[seq] = true
	}
	for i, r := range h.records {
		retained := i >= len(h.records)-records
		if has[r.seq] || r.lost {
			continue
		}
		if retained && !excuse && (r.synced || killed) {
			problem = "a record is lost"
		}
		if retained {
			r.lost = true
			m.times[r.document]--
		}
	}
	return problem
}

// retained reports whether the log must have a record after number since, up to number until.
func (h *history) retained(since, until uint64) bool {
	for i := max(0, len(h.records)-records); i < len(h.records); i++ {
		if r := h.records[i]; r.seq > since && r.seq <= until && !r.lost {
			return true
		}
	}
	return false
}
