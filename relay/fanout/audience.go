package fanout

import (
	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// View selects the events that a client may see. The client does not learn that there are others. Clients with
// equal views and the same format share their encoded events, so the dynamic type of a View must be comparable.
// Sees must always return the same for a record, and must be safe for concurrent use.
type View interface {
	Sees(rec *eventlog.Record) bool
}

// audience is the key of clients that get the same bytes.
type audience struct {
	format Format
	view   View // nil: all events
}

func (a audience) sees(rec *eventlog.Record) bool { return a.view == nil || a.view.Sees(rec) }

// gap returns the gap notice for clients that have everything up to number since and continue after number until.
// How many of the missing events a client with a view would have seen is unknown.
func (a audience) gap(log *eventlog.Reader, since, until uint64) eventlog.Gap {
	at := func(seq uint64) schema.Position { return schema.Position{Epoch: log.Epoch(), Seq: seq} }
	return log.Gap(at(since), at(until), a.view != nil)
}

// audienceGroup is the clients of one audience in a shard.
type audienceGroup struct {
	audience
	members []*client // each at its groupIndex
}
