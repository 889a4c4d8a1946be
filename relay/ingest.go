package relay

import (
	"context"
	"errors"
	"slices"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// Ingest decides about a content of the event file that was written at this time, and queues it for Run if it is a
// new event. It returns nil for every content, also for an invalid one; the error is ctx's, if ctx ends while the
// queue is full. It does no disk I/O, unless Options.Direct allows it, and keeps no reference to content. The caller
// calls Idle when it has no other content.
func (r *Relay) Ingest(ctx context.Context, content []byte, written time.Time) error {
	return r.ingest(ctx, content, written, false)
}

// ingest implements Ingest and IngestAhead.
func (r *Relay) ingest(ctx context.Context, content []byte, written time.Time, ahead bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opts.OnRead(content)
	first := !r.ingested
	r.ingested, r.ingesting = true, true
	defer func() { r.ingesting = false }()
	ev, tail, err := schema.Decode(content, r.opts.MaxEventSize)
	if err != nil {
		r.rejectContent(err, len(content))
		return nil
	}
	if !ahead {
		if err := r.releaseAll(ctx); err != nil {
			return err
		}
	}
	ev.From = r.dedup.adoptSkipped(ev)
	switch {
	case r.dedup.inOutbox(ev):
		r.opts.Logger.Debug("event file repeats an event of the outbox", "type", ev.Type)
		return nil
	case first && r.isOfLastRun(ev, written):
		r.opts.Logger.Debug("event file unchanged since the last run", "type", ev.Type)
		return nil
	case r.held.isNewest(ev.ID) || r.dedup.isDuplicate(ev):
		r.decide(Duplicate, ev)
		return nil
	case ahead && r.held.followed && ev.From == (schema.Stamp{}):
		return r.hold(ctx, ev, written, len(tail) > 0)
	}
	_, err = r.enqueue(ctx, ev, written, len(tail) > 0)
	return err
}

// isOfLastRun reports whether the event file, which was written at this time, holds an event of the last run: the
// newest, or one that POST /publish has added others after. The timestamps of these may be equal, or older. A wrong
// clock of a file server can make an event of the last run look new, as if it was written again since.
func (r *Relay) isOfLastRun(ev schema.Event, written time.Time) bool {
	return ev.ID == r.dedup.newest.ID || slices.ContainsFunc(r.log.Records(), func(rec *eventlog.Record) bool {
		return ev.ID == rec.Event.ID && !written.After(rec.Time)
	})
}

// IngestLine decides about a line of the outbox, including its line feed, like Ingest. Each line is an event of its
// own, even if it equals another one. A line that was relayed before, by this process or by an earlier one with the
// same log, is skipped without a decision. Missing sequence numbers count as Overwritten.
func (r *Relay) IngestLine(ctx context.Context, text []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	line, err := schema.ParseLine(text)
	if err != nil {
		r.rejectContent(err, len(text))
		return nil
	}
	if r.dedup.lineSeen(line.Stamp) {
		return nil
	}
	ev, _, err := schema.Decode(line.Document, r.opts.MaxEventSize)
	ev.From = line.Stamp
	if r.dedup.lineOutdated(line.Stamp) {
		if line.Position.Epoch != r.dedup.skipped.From.Position.Epoch {
			r.opts.Logger.Info("outbox is older than the newest event, skipping its old lines", "line", line.Position)
		}
		r.dedup.skipped = ev
		return nil
	}
	if missing := r.dedup.addLine(line.Stamp); missing > 0 {
		r.opts.Logger.Warn("outbox lines missing, they were deleted before the relay read them", "events", missing)
		r.CountOverwritten(missing)
	}
	if err := r.releaseBefore(ctx, line.Stamp, ev.ID); err != nil {
		return err
	}
	switch {
	case err != nil:
		r.rejectContent(err, len(line.Document))
		return nil
	case r.dedup.matchFileEvent(ev):
		r.opts.Logger.Debug("outbox repeats an event of the event file", "type", ev.Type)
		return nil
	}
	_, err = r.enqueue(ctx, ev, line.Time, false)
	return err
}

// Publish decides about a document that a client of POST /publish sends. It returns the decision once the event is
// in the journal. With Invalid, the error is the reason. Any other error is ctx's or the journal's: the event may
// be relayed, but the journal does not hold it.
func (r *Relay) Publish(ctx context.Context, document []byte) (Decision, error) {
	decision, err := r.publish(ctx, document)
	if err == nil {
		err = r.Flush(ctx)
	}
	if err == nil {
		err = r.log.VerifyJournal()
	}
	return decision, err
}

func (r *Relay) publish(ctx context.Context, document []byte) (Decision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ev, tail, err := schema.Decode(document, r.opts.MaxEventSize)
	if err == nil && len(tail) > 0 {
		err = errors.New("more than one document")
	}
	switch {
	case err != nil:
		r.record(Change{Decision: Invalid, Bytes: len(document), Reason: err.Error()})
		r.opts.Logger.Debug("change decided", "decision", Invalid, "reason", err, "bytes", len(document))
		return Invalid, err
	case r.dedup.isDuplicate(ev):
		r.decide(Duplicate, ev)
		return Duplicate, nil
	}
	return r.enqueue(ctx, ev, time.Now(), false)
}

// enqueue submits a new event and returns the decision. All that is not needed for the delivery comes after that. The
// caller holds r.mu.
func (r *Relay) enqueue(ctx context.Context, ev schema.Event, written time.Time, torn bool) (Decision, error) {
	if written.After(r.started) { // the delivery latency of older events would include the time without a relay
		ev.Written = written.UnixNano()
	}
	if err := r.submit(ctx, ev); err != nil {
		return "", err
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
