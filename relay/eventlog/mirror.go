package eventlog

import (
	"sync"

	"wpre-relay/schema"
)

// Mirror is an in-memory copy of the newest records of a log that is numbered and kept elsewhere. It has no Append,
// because only the origin assigns sequence numbers. Use NewMirror.
type Mirror struct {
	*Reader

	putMu sync.Mutex // held by Put, which keeps the order
}

// NewMirror returns a mirror of the records that follow position after at the origin. The tag of after should be that
// of the record there, or else a random one, so that Resume does not trust a position that it cannot verify.
// MemoryRecords defaults to Records.
func NewMirror(after schema.Position, opts Options) *Mirror {
	if opts.MemoryRecords <= 0 {
		opts.MemoryRecords = opts.Records
	}
	next := schema.Position{Epoch: after.Epoch, Seq: after.Seq + 1, Tag: after.Tag}
	return &Mirror{Reader: newReader(nil, next, opts.withDefaults())}
}

// Put adds records, which must be in order, and wakes waiting readers. It skips records whose sequence numbers are
// not above the head. Clients get a gap notice for missing sequence numbers.
func (m *Mirror) Put(recs ...*Record) {
	m.putMu.Lock()
	defer m.putMu.Unlock()
	head := m.Head().Seq
	for len(recs) > 0 && recs[0].Position.Seq <= head {
		recs = recs[1:]
	}
	if len(recs) > 0 {
		m.publish(recs)
	}
}
