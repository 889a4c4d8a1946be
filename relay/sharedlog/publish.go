package sharedlog

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

const (
	// publishedName is the file that says up to which record a relay's own log was published.
	publishedName = "published"

	// maxRead bounds what is read of that log at once, in bytes.
	maxRead = 1 << 20
)

// publisher is how far what comes into a relay's own log is published.
type publisher struct {
	own   *eventlog.Log
	at    atomic.Uint64 // number of the newest record that is published
	names *recent       // of what is
	path  string
}

// openPublisher returns the publisher of a log, which goes on where the one before got to; a file beside the log's journal
// says where. If there is none, what the log holds was captured before there was anything to publish to.
func openPublisher(own *eventlog.Log, logger *slog.Logger) (*publisher, error) {
	p := &publisher{own: own, names: newRecent(own.Capacity()), path: filepath.Join(own.Dir(), publishedName)}
	p.at.Store(own.Head().Seq)
	text, err := os.ReadFile(p.path)
	switch at, invalid := schema.ParsePosition(strings.TrimSpace(string(text))); {
	case errors.Is(err, fs.ErrNotExist):
		err = p.note()
	case err != nil:
	case invalid != nil || at.Epoch != own.Epoch() || at.Seq > p.at.Load():
		logger.Warn("what was published is not known; what comes from now on is", "noted", strings.TrimSpace(string(text)))
	default:
		p.at.Store(at.Seq)
	}
	if err != nil {
		return nil, fmt.Errorf("what was published: %w", err)
	}
	for _, rec := range own.Records() {
		if rec.Position.Seq <= p.at.Load() {
			p.name(rec)
		}
	}
	return p, nil
}

// publishAll adds to the stream what comes into the relay's own log, in its order, until ctx ends. What the engine has not
// taken waits in that log, also over restarts.
func (s *Shared) publishAll(ctx context.Context) {
	p := s.publisher
	for ctx.Err() == nil {
		recs, upTo, grown, err := p.own.Read(nil, p.at.Load(), maxRead)
		if err != nil {
			s.opts.Logger.Error("the journal cannot be read", "error", err)
		}
		for _, rec := range recs {
			s.skip(rec.Position.Seq - 1)
			if s.publish(ctx, rec) != nil {
				return
			}
			p.at.Store(rec.Position.Seq)
			if err := p.note(); err != nil {
				s.opts.Logger.Debug("how far was published cannot be noted", "error", err)
			}
		}
		s.skip(upTo)
		if len(recs) > 0 {
			continue
		}
		select {
		case <-grown:
		case <-time.After(time.Second): // for a journal that could not be read
		case <-ctx.Done():
		}
	}
}

// publish has the engine take a record, unless another relay has published it. The error is ctx's.
func (s *Shared) publish(ctx context.Context, rec *eventlog.Record) error {
	id := s.publisher.name(rec)
	if s.mirror.has(id) {
		return nil
	}
	line := schema.Line{Stamp: schema.Stamp{Position: rec.Position, Time: rec.Time}, From: rec.Event.From, Document: rec.Event.Document}
	if rec.Event.Written != 0 {
		line.Time = time.UnixMicro(rec.Event.Written / 1000).UTC()
	}
	text := line.Append(nil)
	err := s.reach.persist(ctx, func() error {
		err := s.engine.Append(ctx, id, text)
		if errors.Is(err, ErrTooLarge) {
			s.reach.lose(1)
			s.opts.Logger.Error("an event is not shared", "error", err, "bytes", len(text), "type", rec.Event.Type)
			return nil
		}
		return err
	})
	if err == nil {
		s.reach.here()
	}
	return err
}

// skip notes that what comes up to a number is not there to be published.
func (s *Shared) skip(upTo uint64) {
	p := s.publisher
	at := p.at.Load()
	if upTo <= at {
		return
	}
	epoch := p.own.Epoch()
	gap := eventlog.Gap{Since: schema.Position{Epoch: epoch, Seq: at}, Until: schema.Position{Epoch: epoch, Seq: upTo}}
	p.at.Store(upTo)
	if lost, known := gap.Missing(); known {
		s.reach.lose(lost)
		s.opts.Logger.Error("events were no longer kept when the broker was there again; a longer --history keeps more", "events", lost)
	}
}

// pending returns how many events the engine has not taken yet.
func (p *publisher) pending() uint64 {
	head := p.own.Head().Seq
	return head - min(p.at.Load(), head)
}

// name returns what tells an event from others, whichever relay captured it: where it stands in the outbox of WordPress;
// else what it says, and how often that was said before.
func (p *publisher) name(rec *eventlog.Record) string {
	if from := rec.Event.From; from != (schema.Stamp{}) {
		return fmt.Sprintf("%s.%d", from.Position, from.Time.UnixMicro())
	}
	hash := hex.EncodeToString(rec.Event.ID[:16])
	return fmt.Sprintf("%s.%d", hash, p.names.add(hash))
}

// note writes how far it got, in one step.
func (p *publisher) note() error {
	text := schema.Position{Epoch: p.own.Epoch(), Seq: p.at.Load()}.String() + "\n"
	if err := os.WriteFile(p.path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(p.path+".new", p.path)
}
