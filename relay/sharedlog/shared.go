package sharedlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

const (
	// fillPatience is how long it may take to read what the stream holds, before it is asked again what that is.
	fillPatience = 30 * time.Second

	// renewPatience is how long Renew may take.
	renewPatience = 5 * time.Second
)

// Options for Open. The zero value works.
type Options struct {
	// Records bounds the mirror. Default 10,000.
	Records int

	// Age bounds the mirror: what is older is not given to anyone. Default 0: no bound.
	Age time.Duration

	// Logger is told when the engine goes and comes. Default: slog.Default().
	Logger *slog.Logger
}

// Shared is a relay's part in a stream. Use Open.
type Shared struct {
	engine    Engine
	opts      Options
	reach     reach
	mirror    *mirror    // set by Join
	publisher *publisher // nil if nothing is captured here
	begun     time.Time  // when it was opened: what is older says nothing of how long events take
}

// Open returns a relay's part in the stream of an engine, to which it adds what comes into its own log; that is nil if it
// captures nothing. What the log holds of before the first Open is not added. Until Join has succeeded, nothing may be called
// but Status and Close.
func Open(engine Engine, own *eventlog.Log, opts Options) (*Shared, error) {
	if opts.Records <= 0 {
		opts.Records = 10_000
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	s := &Shared{engine: engine, opts: opts, begun: time.Now()}
	s.reach = reach{logger: opts.Logger, status: Status{Since: s.begun}}
	if own == nil {
		return s, nil
	}
	var err error
	s.publisher, err = openPublisher(own, opts.Logger)
	return s, err
}

// Close closes the engine.
func (s *Shared) Close() error { return s.engine.Close() }

// Join waits for the engine, and until the mirror holds the end of its stream. The error is ctx's, or ErrRenewed, wrapped.
func (s *Shared) Join(ctx context.Context) error {
	extent, err := s.join(ctx)
	if err != nil {
		return err
	}
	after := extent.Last - min(uint64(s.opts.Records), extent.Last-(extent.First-1))
	s.mirror = newMirror(schema.Position{Epoch: extent.Epoch, Seq: after}, s.begun, s.opts)
	for pause := soonest; extent.First <= extent.Last && s.mirror.log.Head().Seq < extent.Last; pause = min(2*pause, latest) {
		err := s.fill(ctx, extent.Last)
		if err == nil {
			break
		}
		if ctx.Err() != nil || errors.Is(err, ErrRenewed) {
			return cmp.Or(ctx.Err(), err)
		}
		s.reach.away(err)
		rest(ctx, pause)
		if extent, err = s.joinAgain(ctx); err != nil {
			return err
		}
	}
	s.reach.here()
	return nil
}

// join asks the engine what the stream holds until it answers. The error is ctx's.
func (s *Shared) join(ctx context.Context) (extent Extent, err error) {
	err = s.reach.persist(ctx, func() (err error) { extent, err = s.engine.Join(ctx); return err })
	return extent, err
}

// joinAgain is join for a stream of which the mirror holds something. The error may be ErrRenewed, wrapped.
func (s *Shared) joinAgain(ctx context.Context) (Extent, error) {
	extent, err := s.join(ctx)
	if err != nil {
		return extent, err
	}
	if head := s.mirror.log.Head(); extent.Epoch != head.Epoch || extent.Last < head.Seq {
		return extent, fmt.Errorf("%w: it ends at %s-%d, and ended at %s before", ErrRenewed, extent.Epoch, extent.Last, head)
	}
	return extent, nil
}

// errFull ends Read.
var errFull = errors.New("the mirror has caught up")

// fill reads the stream up to a number, unless what there was up to that is kept no longer.
func (s *Shared) fill(ctx context.Context, last uint64) error {
	ctx, cancel := context.WithTimeout(ctx, fillPatience)
	defer cancel()
	err := s.engine.Read(ctx, s.mirror.log.Head().Seq, func(entries []Entry) error {
		s.mirror.take(entries)
		if s.mirror.log.Head().Seq >= last {
			return errFull
		}
		return nil
	})
	if errors.Is(err, errFull) {
		return nil
	}
	return err
}

// Log returns the mirror, from which clients are served.
func (s *Shared) Log() *eventlog.Log { return s.mirror.log }

// Status returns how the relay stands to the engine now.
func (s *Shared) Status() Status {
	status := s.reach.now()
	if s.publisher != nil {
		status.Pending = s.publisher.pending()
	}
	return status
}

// Away reports whether the engine cannot be reached now, so that the mirror may be behind those of others.
func (s *Shared) Away() bool { return !s.reach.now().Connected }

// Run keeps the mirror equal to the stream's end, and adds to that what is captured, until ctx ends; then it returns nil.
// While the engine is away it tries again and again. The error is ErrRenewed, wrapped: the mirror, and all positions that were
// given out, are worth nothing any more.
func (s *Shared) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var publishing sync.WaitGroup
	if s.publisher != nil {
		publishing.Go(func() { s.publishAll(ctx) })
	}
	err := s.follow(ctx)
	cancel()
	publishing.Wait()
	return err
}

// follow keeps the mirror equal to the stream's end.
func (s *Shared) follow(ctx context.Context) error {
	for pause := soonest; ; pause = min(2*pause, latest) {
		began := time.Now()
		err := s.engine.Read(ctx, s.mirror.seam(), func(entries []Entry) error {
			if err := s.mirror.sew(entries[0]); err != nil {
				return err
			}
			s.reach.here()
			s.mirror.take(entries)
			return nil
		})
		if ctx.Err() == nil && !errors.Is(err, ErrRenewed) {
			s.reach.away(err)
			if time.Since(began) > latest {
				pause = soonest
			}
			rest(ctx, pause)
			var extent Extent
			if extent, err = s.joinAgain(ctx); err == nil && (extent.Last <= s.mirror.seam() || extent.Last < extent.First) {
				s.reach.here() // there is nothing to be read, which would say so
			}
		}
		if errors.Is(err, ErrRenewed) {
			s.renew(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}

// renew has the engine say that the stream is another one, where it does not say so itself.
func (s *Shared) renew(ctx context.Context) {
	renewer, ok := s.engine.(Renewer)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, renewPatience)
	defer cancel()
	if err := renewer.Renew(ctx, s.mirror.log.Epoch()); err != nil {
		s.opts.Logger.Warn("clients may take positions of what was lost for others", "error", err)
	}
}
