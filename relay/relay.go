// Package relay decides which contents of the plugin's file are new events, keeps them in a log and serves that to
// clients over HTTP. It does not know where contents come from: someone calls Ingest and IngestLine.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/security/filter"
	"wpre-relay/schema"
)

// maxAccepted bounds the events that wait for the log: beyond it, a disk that is slower than the writers holds up
// Ingest. maxAppend bounds those that the log gets at once.
const (
	maxAccepted = 1024
	maxAppend   = 64
)

// Options for New. The zero value works.
type Options struct {
	// MaxEventSize bounds a document, in bytes as written. Default 1 MiB.
	MaxEventSize int

	// Filter says who may see which events. Those that the public may not are kept like others, for clients that may,
	// but counted as Filtered. Default: everybody may see all.
	Filter *filter.Filter

	// Decided is told of each decision. It is called on the goroutine of Ingest or Overwritten, and must not wait.
	// Default: nobody is told.
	Decided func(Change)

	// Logger gets a line for each decision, at debug level but for invalid contents. No line holds content.
	// Default: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxEventSize <= 0 {
		o.MaxEventSize = 1 << 20
	}
	if o.Decided == nil {
		o.Decided = func(Change) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Relay takes contents in and appends new events to a log. Use New.
type Relay struct {
	log       *eventlog.Log
	opts      Options
	views     *filter.Views
	decisions Decisions
	accepted  chan accepted
	started   time.Time

	ingesting sync.Mutex // held while something is decided: events come from several sides
	dedup     dedup      // guarded by ingesting
	looked    bool       // Ingest was called before; guarded by ingesting
}

// accepted is an event on its way to the log, or, with done, a mark between two.
type accepted struct {
	event schema.Event
	done  chan<- struct{}
}

// New returns a relay that knows what log holds as sent.
func New(log *eventlog.Log, opts Options) *Relay {
	r := &Relay{log: log, opts: opts.withDefaults(), accepted: make(chan accepted, maxAccepted), started: time.Now()}
	r.views = filter.NewViews(r.opts.Filter, false, r.opts.Logger)
	recs := log.Records()
	r.dedup = newDedup(max(len(recs), log.Capacity()))
	for _, rec := range recs {
		r.dedup.add(rec.Event, rec.Time)
		if rec.Event.From != (schema.Stamp{}) {
			r.dedup.take(rec.Event.From)
		}
	}
	return r
}

// JournalError returns why what was accepted is not all on the disk, nil if it is.
func (r *Relay) JournalError() error { return r.log.JournalError() }

// Decisions returns what was decided so far.
func (r *Relay) Decisions() *Decisions { return &r.decisions }

// Ingest takes what the file says now, and when that was written, and decides whether that is a new event; if so, Run
// appends it to the log. It does no disk work and waits for no client, so that its caller can soon read again. It returns
// nil when the content is taken care of, whatever it was, and ctx's error if that ends first. It keeps nothing of file.
func (r *Relay) Ingest(ctx context.Context, file []byte, written time.Time) error {
	r.ingesting.Lock()
	defer r.ingesting.Unlock()
	atStart := !r.looked
	r.looked = true
	ev, tail, err := schema.Decode(file, r.opts.MaxEventSize)
	if err != nil {
		r.invalid(err, len(file))
		return nil
	}
	ev.From = r.dedup.recognize(ev)
	switch {
	case r.dedup.copied(ev):
		r.opts.Logger.Debug("the file says what came from the outbox", "type", ev.Type)
		return nil
	case r.dedup.last.ID == ev.ID && atStart:
		r.opts.Logger.Debug("the file has not changed since the last run", "type", ev.Type)
		return nil
	case r.dedup.duplicate(ev):
		r.decide(Duplicate, ev)
		return nil
	}
	_, err = r.accept(ctx, ev, written, len(tail) > 0)
	return err
}

// IngestLine is Ingest for a line of the outbox, with its end, which the companion has written: each of them is an event
// of its own, even if it says the same as another. A line that was taken before, by this process or by one that had the
// log before, is passed over in silence. Numbers that are missing before it count as Overwritten.
func (r *Relay) IngestLine(ctx context.Context, text []byte) error {
	r.ingesting.Lock()
	defer r.ingesting.Unlock()
	line, err := schema.ParseLine(text)
	if err != nil {
		r.invalid(err, len(text))
		return nil
	}
	if r.dedup.taken(line.Stamp) {
		return nil
	}
	ev, _, err := schema.Decode(line.Document, r.opts.MaxEventSize)
	ev.From = line.Stamp
	if r.dedup.former(line.Stamp) {
		r.dedup.passed = ev
		return nil
	}
	if missing := r.dedup.take(line.Stamp); missing > 0 {
		r.opts.Logger.Warn("lines of the outbox were gone before they could be read", "events", missing)
		r.Overwritten(missing)
	}
	switch {
	case err != nil:
		r.invalid(err, len(line.Document))
		return nil
	case r.dedup.absorb(ev):
		r.opts.Logger.Debug("the outbox has what the file said before", "type", ev.Type)
		return nil
	}
	_, err = r.accept(ctx, ev, line.Time, false)
	return err
}

// Publish takes an event that somebody hands over, and returns what was decided, once that is in the journal. The error of
// what is Invalid says why; any other is ctx's, or why the journal does not hold all that clients got.
func (r *Relay) Publish(ctx context.Context, document []byte) (Decision, error) {
	decision, err := r.publish(ctx, document)
	if err == nil {
		err = r.Flush(ctx)
	}
	if err == nil {
		err = r.JournalError()
	}
	return decision, err
}

func (r *Relay) publish(ctx context.Context, document []byte) (Decision, error) {
	r.ingesting.Lock()
	defer r.ingesting.Unlock()
	ev, tail, err := schema.Decode(document, r.opts.MaxEventSize)
	if err == nil && len(tail) > 0 {
		err = errors.New("more than one document")
	}
	switch {
	case err != nil:
		r.decided(Change{Decision: Invalid, Bytes: len(document), Reason: err.Error()})
		r.opts.Logger.Debug("change decided", "decision", Invalid, "reason", err, "bytes", len(document))
		return Invalid, err
	case r.dedup.duplicate(ev):
		r.decide(Duplicate, ev)
		return Duplicate, nil
	}
	return r.accept(ctx, ev, time.Now(), false)
}

// accept passes a new event on to Run, and returns what that is decided to be. r.ingesting is held.
func (r *Relay) accept(ctx context.Context, ev schema.Event, written time.Time, torn bool) (Decision, error) {
	if written.After(r.started) { // how old it was when the relay came says nothing of the relay
		ev.Written = written.UnixNano()
	}
	select {
	case r.accepted <- accepted{event: ev}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	r.dedup.add(ev, written)
	decision := Relayed
	switch {
	case !r.views.Public(ev):
		decision = Filtered
	case torn:
		decision = Torn
	}
	r.decide(decision, ev)
	return decision, nil
}

func (r *Relay) invalid(reason error, size int) {
	r.decided(Change{Decision: Invalid, Bytes: size, Reason: reason.Error()})
	r.opts.Logger.Warn("the file holds no event; the last one stays", "decision", Invalid, "reason", reason, "bytes", size)
}

func (r *Relay) decide(d Decision, ev schema.Event) {
	r.decided(Change{Decision: d, Event: ev, Bytes: len(ev.Document)})
	r.opts.Logger.Debug("change decided", "decision", d, "type", ev.Type, "bytes", len(ev.Document))
}

// Overwritten takes it that so many more writes were gone before they could be read.
func (r *Relay) Overwritten(writes uint64) {
	r.decided(Change{Decision: Overwritten, Writes: writes})
}

// decided counts what became of a change, and tells of it.
func (r *Relay) decided(c Change) {
	c.Time, c.Writes = time.Now(), max(1, c.Writes)
	r.decisions.count(c.Decision, c.Writes)
	r.opts.Decided(c)
}

// Run appends to the log what Ingest accepts, until ctx ends and nothing is left. No Ingest may come after that.
func (r *Relay) Run(ctx context.Context) {
	var events []schema.Event
	for {
		select {
		case next := <-r.accepted:
			events = r.append(events[:0], next)
		case <-ctx.Done():
			for len(r.accepted) > 0 {
				events = r.append(events[:0], <-r.accepted)
			}
			return
		}
	}
}

// append gives the log next and what else waits, with one write of its journal.
func (r *Relay) append(events []schema.Event, next accepted) []schema.Event {
	for more := true; more && next.done == nil; {
		events = append(events, next.event)
		if len(events) == maxAppend {
			break
		}
		select {
		case next = <-r.accepted:
		default:
			more = false
		}
	}
	if len(events) > 0 {
		recs := r.log.Append(events...)
		r.opts.Logger.Debug("events appended", "count", len(recs), "position", recs[len(recs)-1].Position)
	}
	if next.done != nil {
		close(next.done)
	}
	return events
}

// Flush waits until Run has appended all that Ingest accepted before.
func (r *Relay) Flush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case r.accepted <- accepted{done: done}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
