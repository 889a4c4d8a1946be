package fanout

import (
	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// View says which events a client may see: the others are kept from it, and it is not told that there were any. Its
// dynamic type must be comparable. What clients with equal views are told is put together once for all of them. Sees must
// always say the same of a record, and be safe to call from several goroutines.
type View interface {
	Sees(rec *eventlog.Record) bool
}

// kind is what decides what a client is told: clients of one kind are told the same.
type kind struct {
	format Format
	view   View // nil: it sees all
}

func (k kind) sees(rec *eventlog.Record) bool { return k.view == nil || k.view.Sees(rec) }

// gap returns what a client of this kind is told is lost.
func (k kind) gap(epoch string, since, until uint64) eventlog.Gap {
	return eventlog.Gap{
		Since:     schema.Position{Epoch: epoch, Seq: since},
		Until:     schema.Position{Epoch: epoch, Seq: until},
		Uncounted: k.view != nil,
	}
}

// audience is the clients of one kind in a shard.
type audience struct {
	kind    kind
	members []*client // each at its seat
}
