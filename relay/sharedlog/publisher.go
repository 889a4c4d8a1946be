package sharedlog

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

const (
	// publishedName is the file that holds the position of the newest published record.
	publishedName = "published"

	// maxRead bounds the records that are read from the relay's own log at once, in bytes.
	maxRead = 1 << 20

	// readRetryPause is the pause after the relay's own journal could not be read.
	readRetryPause = time.Second
)

// publisher publishes the events of a relay's own log. One goroutine uses it, except for pending.
type publisher struct {
	own    *eventlog.Log
	newest atomic.Uint64 // sequence number of the newest published record
	ids    *recentIDs    // hashes of the published documents
	file   positionFile  // publishedName
}

// openPublisher returns a publisher that continues after the position in the file publishedName, beside the log's
// journal. If there is no such file, it continues after the newest record, because the relay captured the older
// ones without a broker.
func openPublisher(fsys durable.FS, own *eventlog.Log, logger *slog.Logger) (*publisher, error) {
	file := positionFile{fsys, filepath.Join(own.Dir(), publishedName)}
	p := &publisher{own: own, ids: newRecentIDs(own.Capacity()), file: file}
	p.newest.Store(own.Head().Seq)
	at, saved, err := file.load()
	_, invalid := errors.AsType[errInvalidPosition](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = p.save()
	case invalid || err == nil && (at.Epoch != own.Epoch() || at.Seq > p.newest.Load()):
		logger.Warn("published position is invalid, publishing new events only", "position", saved)
		err = nil
	case err == nil:
		p.newest.Store(at.Seq)
	}
	if err != nil {
		return nil, fmt.Errorf("open published position: %w", err)
	}
	for _, rec := range own.Records() {
		if rec.Position.Seq <= p.newest.Load() {
			p.eventID(rec)
		}
	}
	return p, nil
}

// publishAll publishes the events of the relay's own log, in order, until ctx ends. Events that the broker has not
// acknowledged stay in that log, also across restarts.
func (j *Joined) publishAll(ctx context.Context) {
	p, logger := j.stream.publisher, j.stream.opts.Logger
	for ctx.Err() == nil {
		recs, upTo, grown, err := p.own.Read(nil, p.newest.Load(), maxRead)
		if err != nil {
			logger.Error("journal read failed, retrying", "error", err)
		}
		for _, rec := range recs {
			j.skipTo(rec.Position.Seq - 1)
			if j.publish(ctx, rec) != nil {
				return
			}
			p.newest.Store(rec.Position.Seq)
			if err := p.save(); err != nil {
				logger.Debug("published position not saved", "error", err)
			}
		}
		j.skipTo(upTo)
		if len(recs) > 0 {
			continue
		}
		select {
		case <-grown:
		case <-time.After(readRetryPause):
		case <-ctx.Done():
		}
	}
}

// publish appends a record to the stream, unless another relay has already published the event. It retries until
// ctx ends, and returns ctx's error. An event that is too large for the broker counts as lost, which is no error.
func (j *Joined) publish(ctx context.Context, rec *eventlog.Record) error {
	s := j.stream
	id := s.publisher.eventID(rec)
	if j.mirror.has(id) {
		return nil
	}
	text := streamLine(rec)
	err := s.state.retry(ctx, publishing, func() error {
		if err := s.state.joinError(); err != nil {
			return err
		}
		err := s.engine.Append(ctx, id, text)
		if errors.Is(err, ErrTooLarge) {
			s.state.addLost(1)
			s.opts.Logger.Error("event not published", "error", err, "bytes", len(text), "type", rec.Event.Type)
			return nil
		}
		return err
	})
	if err == nil {
		s.state.setConnected(publishing)
	}
	return err
}

// streamLine returns the text of a record's entry. Its time is when the event was written, if that is known, so
// that every relay can measure the delivery latency.
func streamLine(rec *eventlog.Record) []byte {
	line := schema.Line{
		Stamp:    schema.Stamp{Position: rec.Position, Time: rec.Time},
		From:     rec.Event.From,
		Document: rec.Event.Document,
	}
	if rec.Event.Written != 0 {
		line.Time = time.UnixMicro(rec.Event.Written / 1000).UTC()
	}
	return line.Append(nil)
}

// skipTo counts records up to a sequence number as lost if they are not published yet, because the log no longer
// retains them.
func (j *Joined) skipTo(upTo uint64) {
	p := j.stream.publisher
	newest := p.newest.Load()
	if upTo <= newest {
		return
	}
	gap := p.own.Gap(p.own.At(newest), p.own.At(upTo), false)
	p.newest.Store(upTo)
	if lost, known := gap.Missing(); known {
		j.stream.state.addLost(lost)
		j.stream.opts.Logger.Error("events expired before the broker was reachable; set a larger --history",
			"events", lost)
	}
}

// pending returns the number of events that the broker has not acknowledged yet. It may be called concurrently.
func (p *publisher) pending() uint64 {
	head := p.own.Head().Seq
	return head - min(p.newest.Load(), head)
}

// eventID returns an ID that is the same on every relay that captures the event. It is the event's stamp in the
// outbox if it has one. Otherwise it is a hash of the document and the number of its occurrences among the recent
// events. It counts an occurrence, so it must be called once per record, in order.
func (p *publisher) eventID(rec *eventlog.Record) string {
	if from := rec.Event.From; from != (schema.Stamp{}) {
		return fmt.Sprintf("%s.%d", from.Position, from.Time.UnixMicro())
	}
	hash := hex.EncodeToString(rec.Event.ID[:16])
	return fmt.Sprintf("%s.%d", hash, p.ids.add(hash))
}

// save writes the position of the newest published record to a file. Events that are published again after a power
// failure are dropped, because the stream has their IDs.
func (p *publisher) save() error {
	return p.file.save(schema.Position{Epoch: p.own.Epoch(), Seq: p.newest.Load()})
}
