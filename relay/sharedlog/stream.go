package sharedlog

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// Options for Open. The zero value works.
type Options struct {
	// Records bounds the number of records in the mirror. Default: 10,000.
	Records int

	// Age bounds the age of the records that clients get. Default: 0, no bound.
	Age time.Duration

	// FS is the file system of the files beside a capture relay's own log. Default: that of the operating system.
	FS durable.FS

	// Logger reports when the broker becomes unreachable and reachable. Default: slog.Default().
	Logger *slog.Logger
}

// Stream is a broker's stream that this relay has not joined yet. Use Open.
type Stream struct {
	engine    Engine
	opts      Options
	state     connectionState
	publisher *publisher // nil for an edge relay
	opened    time.Time
}

// Open returns the stream of an engine. A capture relay passes its own log, whose events Joined.Run publishes; an
// edge relay passes nil. Events from before the first Open are never published. Open does not connect to the
// broker.
func Open(engine Engine, own *eventlog.Log, opts Options) (*Stream, error) {
	if opts.Records <= 0 {
		opts.Records = 10_000
	}
	if opts.FS == nil {
		opts.FS = durable.OS
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	s := &Stream{engine: engine, opts: opts, opened: time.Now()}
	s.state = connectionState{logger: opts.Logger, current: Status{Since: s.opened}}
	if own == nil {
		return s, nil
	}
	var err error
	s.publisher, err = openPublisher(opts.FS, own, opts.Logger)
	return s, err
}

// Close closes the engine.
func (s *Stream) Close() error { return s.engine.Close() }

// Status returns the current state of the connection.
func (s *Stream) Status() Status {
	status := s.state.status()
	if s.publisher != nil {
		status.Pending = s.publisher.pending()
	}
	return status
}

// Disconnected reports whether the broker cannot be read, so that other relays may have newer events than the mirror.
func (s *Stream) Disconnected() bool { return !s.state.isReading() }

// Join blocks until the broker is reachable and the mirror holds the stream's end. The error is ctx's error, or wraps
// ErrStreamReset. At most one Joined of a stream may run.
func (s *Stream) Join(ctx context.Context) (*Joined, error) {
	info, err := s.joinEngine(ctx)
	if err != nil {
		return nil, err
	}
	// One entry more than the mirror keeps, so that a position before the oldest one can be verified.
	after := info.Last - min(uint64(s.opts.Records)+1, info.Last-(info.First-1))
	start := schema.Position{Epoch: info.Epoch, Seq: after}
	j := &Joined{stream: s, mirror: newMirror(start, s.opened, s.opts)}
	for pause := minRetryPause; info.First <= info.Last && j.mirror.log.Head().Seq < info.Last; {
		err := j.fill(ctx, info.Last)
		if err == nil {
			break
		}
		if ctx.Err() != nil || errors.Is(err, ErrStreamReset) {
			return nil, cmp.Or(ctx.Err(), err)
		}
		s.state.setDisconnected(reading, err)
		sleep(ctx, pause)
		pause = min(2*pause, maxRetryPause)
		if info, err = j.rejoin(ctx); err != nil {
			return nil, err
		}
	}
	if err := j.checkReceived(ctx); err != nil {
		return nil, err
	}
	s.state.setConnected(reading)
	return j, nil
}

// joinEngine joins the engine, with retries. The error is ctx's error.
func (s *Stream) joinEngine(ctx context.Context) (info StreamInfo, err error) {
	err = s.state.retry(ctx, reading, func() (err error) {
		info, err = s.engine.Join(ctx)
		s.state.setJoined(err)
		return err
	})
	return info, err
}
