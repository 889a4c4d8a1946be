package sharedlog

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// mirrorBytes bounds the events in a mirror, in bytes. A mirror has no disk to read older records from, so the
// bound is four times the default of eventlog.Options.
const mirrorBytes = 256 << 20

// mirror is the copy of the stream's end that this relay serves clients from.
type mirror struct {
	log    *eventlog.Mirror
	opened time.Time // entries that are older do not count in the delivery latency

	mu     sync.Mutex
	newest Entry      // without its text; zero before the first; guarded by mu
	ids    *recentIDs // of the entries; guarded by mu
}

// newMirror returns a mirror of the entries that follow a position. The entry there is unknown, so the position gets a
// random tag.
func newMirror(after schema.Position, opened time.Time, opts Options) *mirror {
	if after.Seq > 0 {
		after.Tag = strings.ToLower(rand.Text()[:schema.TagSize])
	}
	logOpts := eventlog.Options{Records: opts.Records, MemoryBytes: mirrorBytes, Age: opts.Age}
	return &mirror{
		log:    eventlog.NewMirror(after, logOpts),
		opened: opened,
		ids:    newRecentIDs(opts.Records),
	}
}

// resumeSeq returns the sequence number to read after. It is one below the newest mirrored entry, so that the first
// entry read overlaps with the mirror and verifyOverlap can compare the two. It is the head if the mirror is empty.
func (m *mirror) resumeSeq() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newest.Seq == 0 {
		return m.log.Head().Seq
	}
	return m.newest.Seq - 1
}

// verifyOverlap returns ErrStreamReset if the stream holds a different entry at the newest mirrored position. The
// broker has then lost its newest entries, or the stream was replaced.
func (m *mirror) verifyOverlap(first Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if first.Seq == m.newest.Seq && first.ID != m.newest.ID {
		return fmt.Errorf("%w: entry %d differs from the one read before", ErrStreamReset, first.Seq)
	}
	return nil
}

// add adds entries to the mirror and skips the entries that it already has. An entry that repeats an event of an
// earlier one, or that cannot be parsed, becomes a tombstone.
func (m *mirror) add(entries []Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	recs := make([]*eventlog.Record, 0, len(entries))
	for _, entry := range entries {
		if entry.Seq <= m.newest.Seq {
			continue
		}
		recs = append(recs, m.record(entry))
		m.ids.add(entry.ID)
		m.newest = entry
		m.newest.Text = nil
	}
	m.log.Put(recs...)
}

// tagOf returns the tag of an entry: 40 bits of a hash, in base 32. Its text has the time of the event to the
// microsecond, so an entry that takes the number of a lost one has another tag.
func tagOf(entry Entry) string {
	hash := sha256.New()
	hash.Write([]byte(entry.ID))
	hash.Write([]byte{0})
	hash.Write(entry.Text)
	return tagEncoding.EncodeToString(hash.Sum(nil)[:schema.TagSize*5/8])
}

var tagEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567")

// record returns the record of an entry. The caller holds m.mu.
func (m *mirror) record(entry Entry) *eventlog.Record {
	at := schema.Position{Epoch: m.log.Epoch(), Seq: entry.Seq, Tag: tagOf(entry)}
	line, err := schema.ParseLine(entry.Text)
	switch {
	case m.ids.has(entry.ID):
		return eventlog.NewTombstone(at, time.Now().UTC())
	case isLossNotice(entry):
		return eventlog.NewGapRecord(at, time.Now().UTC())
	case err != nil:
		return eventlog.NewTombstone(at, time.Now().UTC())
	}
	ev, _, err := schema.Decode(line.Document, len(line.Document))
	if err != nil {
		return eventlog.NewTombstone(at, line.Time)
	}
	if line.Time.After(m.opened) {
		ev.Written = line.Time.UnixNano()
	}
	return eventlog.NewRecord(at, line.Time, ev)
}

// has reports whether the mirror has an entry with this ID, even if its text is no longer retained.
func (m *mirror) has(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ids.has(id)
}
