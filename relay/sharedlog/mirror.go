package sharedlog

import (
	"fmt"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// mirrorBytes is how many bytes of events a mirror may hold in memory.
const mirrorBytes = 256 << 20

// mirror is the stream's end as this relay has read it.
type mirror struct {
	log   *eventlog.Log
	begun time.Time // what is older says nothing of how long events take

	mu   sync.Mutex
	last Entry   // the newest, without its text; zero before the first; guarded by mu
	ids  *recent // of the entries; guarded by mu
}

// newMirror returns a mirror of what comes after a position.
func newMirror(after schema.Position, begun time.Time, opts Options) *mirror {
	return &mirror{
		log:   eventlog.Mirror(after, eventlog.Options{Records: opts.Records, MemoryBytes: mirrorBytes, Age: opts.Age}),
		begun: begun,
		ids:   newRecent(opts.Records),
	}
}

// seam returns the number after which to read on: so that the newest entry comes again, if there is one.
func (m *mirror) seam() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last.Seq == 0 {
		return m.log.Head().Seq
	}
	return m.last.Seq - 1
}

// sew wants of the entry that stands at the seam that it is the one that stood there.
func (m *mirror) sew(first Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if first.Seq == m.last.Seq && first.ID != m.last.ID {
		return fmt.Errorf("%w: entry %d is another than before", ErrRenewed, first.Seq)
	}
	return nil
}

// take adds entries to the mirror; one that says again what an earlier one said, or cannot be understood, as a void.
func (m *mirror) take(entries []Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	recs := make([]*eventlog.Record, 0, len(entries))
	for _, entry := range entries {
		if entry.Seq <= m.last.Seq {
			continue
		}
		recs = append(recs, m.record(entry))
		m.ids.add(entry.ID)
		m.last = entry
		m.last.Text = nil
	}
	m.log.Put(recs...)
}

// record returns what an entry is in the mirror; m.mu is held.
func (m *mirror) record(entry Entry) *eventlog.Record {
	at := schema.Position{Epoch: m.log.Epoch(), Seq: entry.Seq}
	line, err := schema.ParseLine(entry.Text)
	if err != nil || m.ids.has(entry.ID) {
		return eventlog.Void(at, time.Now().UTC())
	}
	ev, _, err := schema.Decode(line.Document, len(line.Document))
	if err != nil {
		return eventlog.Void(at, line.Time)
	}
	if line.Time.After(m.begun) {
		ev.Written = line.Time.UnixNano()
	}
	return eventlog.NewRecord(at, line.Time, ev)
}

// has reports whether an event is in the mirror.
func (m *mirror) has(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ids.has(id)
}
