// Package relay decides which contents of the event file and of the outbox are new events, and appends these to the
// log.
//
// An event takes this way, from the file to the clients:
//
//	event file / outbox
//	   │  package watcher reads the file on every notification
//	   ▼
//	Relay.Ingest, IngestLine, Publish      ingest.go
//	   │  schema.Decode checks the document
//	   │  dedup drops repeated events      dedup.go
//	   │  every change gets a Decision     decision.go
//	   ▼
//	queue                                  append.go
//	   │  Relay.Run appends in batches; an event that no other one waits before may bypass the queue
//	   ▼
//	eventlog.Log                           package eventlog: order, journal, ring
//	   ▼
//	clients                                package fanout, behind package server
//
// Ingest never waits for a client, and leaves the journal to Run, so that the watcher can soon read the file again:
// while it does not read, events are overwritten. The exception is an event on a fast disk with few clients: Ingest
// appends it and delivers it, since waking another thread for that takes longer. In a burst, the watcher first reads
// the next content, and then calls Idle, which delivers. If the disk is slower than the writers, the queue fills up and
// Ingest blocks.
//
// The package knows neither the source of contents nor the clients. It reads no files and speaks no HTTP.
package relay

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/security/filter"
	"wpre-relay/schema"
)

// Options are the options of New. The zero value works.
type Options struct {
	// MaxEventSize is the maximum size of a document, in bytes as written. Default: 1 MiB.
	MaxEventSize int

	// Filter defines which clients see which events. Events that the public does not see are appended like others,
	// for clients that see them, but count as Filtered. Default: all clients see all events.
	Filter *filter.Filter

	// OnDecision is called with each decision, on the goroutine of the caller of Ingest, IngestLine, Publish or
	// CountOverwritten. It must not block. Default: no call.
	OnDecision func(Change)

	// OnRead is called with each content of the event file before it is decided, on the goroutine of the caller of
	// Ingest. The content is valid during the call. It must not block. Default: no call.
	OnRead func(content []byte)

	// OnAppend is called with each new event after it was appended to the log, with the times at which the append began
	// and ended. An event is decided before the append begins, even if OnDecision is called later. It must not block.
	// Default: no call.
	OnAppend func(ev schema.Event, begun, ended time.Time)

	// Direct reports whether an event that no other one waits before is appended to the log on the goroutine of the
	// caller of Ingest, IngestLine or Publish, which is faster than through Run. It should return false while the
	// delivery of an event takes long. It must not block. Default: false.
	Direct func() bool

	// Deliver is called after a direct append, before waiting readers of the log are woken, or in a burst by Idle. It
	// delivers new events to clients. If that takes long in a burst, it leaves it to another goroutine, so that the
	// caller reads the next content meanwhile. It must not block. Default: the log's Notify.
	Deliver func(burst bool)

	// Logger gets one record per decision: at warn level for invalid contents, otherwise at debug level. No record
	// contains any content. Default: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxEventSize <= 0 {
		o.MaxEventSize = 1 << 20
	}
	if o.OnDecision == nil {
		o.OnDecision = func(Change) {}
	}
	if o.OnRead == nil {
		o.OnRead = func([]byte) {}
	}
	if o.OnAppend == nil {
		o.OnAppend = func(schema.Event, time.Time, time.Time) {}
	}
	if o.Direct == nil {
		o.Direct = func() bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Relay decides about contents and appends new events to a log. Use New. All methods may be called concurrently.
type Relay struct {
	log     *eventlog.Log
	opts    Options
	views   *filter.Views
	counts  Decisions
	queue   chan queued
	started time.Time
	waiting atomic.Int64 // events that Run has not appended yet; the holder of mu adds to it
	slow    atomic.Int32 // fast appends that are missing after a slow one, see fastAppends

	mu       sync.Mutex // held while a content is decided, since contents come from several goroutines
	dedup    dedup      // guarded by mu
	held     held       // guarded by mu, except for its channel
	ingested bool       // Ingest was called before; guarded by mu

	appended    time.Time // when an event was last appended directly; guarded by mu
	undelivered int       // events of a burst that wait for Idle; guarded by mu
	ingesting   bool      // Ingest is running, so that a call of Idle follows; guarded by mu
}

// New returns a relay that appends to log. Events that the log holds count as relayed.
func New(log *eventlog.Log, opts Options) *Relay {
	r := &Relay{log: log, opts: opts.withDefaults(), queue: make(chan queued, maxQueued), started: time.Now()}
	if r.opts.Deliver == nil {
		r.opts.Deliver = func(bool) { log.Notify() }
	}
	r.views = filter.NewViews(r.opts.Filter, false, r.opts.Logger)
	recs := log.Records()
	r.dedup = newDedup(max(len(recs), log.Capacity()), r.started)
	for _, rec := range recs {
		r.dedup.add(rec.Event, rec.Time)
		if rec.Event.From != (schema.Stamp{}) {
			r.dedup.addLine(rec.Event.From)
		}
	}
	r.held.changed = make(chan struct{}, 1)
	r.held.followed = len(recs) > 0 && recs[len(recs)-1].Event.From != (schema.Stamp{})
	return r
}

// JournalError returns why the journal does not hold all appended events, or nil if it does.
func (r *Relay) JournalError() error { return r.log.JournalError() }

// StateStatus returns whether the state directory holds the files of the log.
func (r *Relay) StateStatus() eventlog.StateStatus { return r.log.StateStatus() }

// Decisions returns the counts of all decisions since New.
func (r *Relay) Decisions() *Decisions { return &r.counts }
