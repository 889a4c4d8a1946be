package sharedlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

const (
	// soonest and latest bound the pause before the engine is tried again, which doubles, and is spread by half.
	soonest = 50 * time.Millisecond
	latest  = 2 * time.Second

	// fillPatience is how long it may take to read what the stream holds, before it is asked again what that is.
	fillPatience = 30 * time.Second

	// sayEach is how often it is logged that the engine is still away.
	sayEach = time.Minute

	// renewPatience is how long Renew may take.
	renewPatience = 5 * time.Second

	// mirrorBytes is how many bytes of events a mirror may hold in memory.
	mirrorBytes = 256 << 20
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
	publisher *publisher    // nil if nothing is captured here
	begun     time.Time     // when it was opened: what is older says nothing of how long events take
	log       *eventlog.Log // set by Join

	mu     sync.Mutex
	last   Entry     // the newest in the mirror; zero before the first; guarded by mu
	ids    *recent   // of what is in the mirror; guarded by mu
	status Status    // guarded by mu
	said   time.Time // when it was logged last that the engine is away; guarded by mu
}

// Status says how a relay stands to the engine.
type Status struct {
	Connected  bool      `json:"connected"`
	Problem    string    `json:"problem"`    // why not; "" if it is
	Since      time.Time `json:"since"`      // when that began
	Reconnects uint64    `json:"reconnects"` // times it has come back
	Pending    uint64    `json:"pending"`    // events captured here that the engine has not taken yet
	Lost       uint64    `json:"lost"`       // of these, those that were no longer kept when it could be reached again
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
	s := &Shared{engine: engine, opts: opts, begun: time.Now(), ids: newRecent(opts.Records)}
	s.status.Since = s.begun
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
	s.log = eventlog.Mirror(schema.Position{Epoch: extent.Epoch, Seq: after}, eventlog.Options{Records: s.opts.Records, MemoryBytes: mirrorBytes, Age: s.opts.Age})
	for pause := soonest; extent.First <= extent.Last && s.log.Head().Seq < extent.Last; pause = min(2*pause, latest) {
		err := s.fill(ctx, extent.Last)
		if err == nil {
			break
		}
		if ctx.Err() != nil || errors.Is(err, ErrRenewed) {
			return cmp.Or(ctx.Err(), err)
		}
		s.away(err)
		rest(ctx, pause)
		if extent, err = s.joinAgain(ctx); err != nil {
			return err
		}
	}
	s.here()
	return nil
}

// join asks the engine what the stream holds until it answers. The error is ctx's.
func (s *Shared) join(ctx context.Context) (extent Extent, err error) {
	err = s.persist(ctx, func() (err error) { extent, err = s.engine.Join(ctx); return err })
	return extent, err
}

// joinAgain is join for a stream of which the mirror holds something. The error may be ErrRenewed, wrapped.
func (s *Shared) joinAgain(ctx context.Context) (Extent, error) {
	extent, err := s.join(ctx)
	if err != nil {
		return extent, err
	}
	if head := s.log.Head(); extent.Epoch != head.Epoch || extent.Last < head.Seq {
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
	err := s.engine.Read(ctx, s.log.Head().Seq, func(entries []Entry) error {
		s.take(entries)
		if s.log.Head().Seq >= last {
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
func (s *Shared) Log() *eventlog.Log { return s.log }

// Status returns how the relay stands to the engine now.
func (s *Shared) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	if s.publisher != nil {
		status.Pending = s.publisher.pending()
	}
	return status
}

// Away reports whether the engine cannot be reached now, so that the mirror may be behind those of others.
func (s *Shared) Away() bool { return !s.Status().Connected }

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
		err := s.engine.Read(ctx, s.seam(), func(entries []Entry) error {
			if err := s.sew(entries[0]); err != nil {
				return err
			}
			s.here()
			s.take(entries)
			return nil
		})
		if ctx.Err() == nil && !errors.Is(err, ErrRenewed) {
			s.away(err)
			if time.Since(began) > latest {
				pause = soonest
			}
			rest(ctx, pause)
			var extent Extent
			if extent, err = s.joinAgain(ctx); err == nil && (extent.Last <= s.seam() || extent.Last < extent.First) {
				s.here() // there is nothing to be read, which would say so
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
	if err := renewer.Renew(ctx, s.log.Epoch()); err != nil {
		s.opts.Logger.Warn("clients may take positions of what was lost for others", "error", err)
	}
}

// seam returns the number after which to read on: so that the newest entry comes again, if there is one.
func (s *Shared) seam() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.Seq == 0 {
		return s.log.Head().Seq
	}
	return s.last.Seq - 1
}

// sew wants of the entry that stands at the seam that it is the one that stood there.
func (s *Shared) sew(first Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first.Seq == s.last.Seq && first.ID != s.last.ID {
		return fmt.Errorf("%w: entry %d is another than before", ErrRenewed, first.Seq)
	}
	return nil
}

// take adds entries to the mirror; one that says again what an earlier one said, or cannot be understood, as a void.
func (s *Shared) take(entries []Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	recs := make([]*eventlog.Record, 0, len(entries))
	for _, entry := range entries {
		if entry.Seq <= s.last.Seq {
			continue
		}
		recs = append(recs, s.record(entry))
		s.ids.add(entry.ID)
		s.last = entry
		s.last.Text = nil
	}
	s.log.Put(recs...)
}

// record returns what an entry is in the mirror; s.mu is held.
func (s *Shared) record(entry Entry) *eventlog.Record {
	at := schema.Position{Epoch: s.log.Epoch(), Seq: entry.Seq}
	line, err := schema.ParseLine(entry.Text)
	if err != nil || s.ids.has(entry.ID) {
		return eventlog.Void(at, time.Now().UTC())
	}
	ev, _, err := schema.Decode(line.Document, len(line.Document))
	if err != nil {
		return eventlog.Void(at, line.Time)
	}
	if line.Time.After(s.begun) {
		ev.Written = line.Time.UnixNano()
	}
	return eventlog.NewRecord(at, line.Time, ev)
}

// has reports whether an event is in the mirror.
func (s *Shared) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids.has(id)
}

// persist calls try until that succeeds, with pauses, or ctx ends, whose error it returns. That the engine is there it leaves
// to its caller to note: who may join need not be able to read.
func (s *Shared) persist(ctx context.Context, try func() error) error {
	for pause := soonest; ; pause = min(2*pause, latest) {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.away(err)
		if rest(ctx, pause); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// rest waits for about as long as pause, or until ctx ends.
func rest(ctx context.Context, pause time.Duration) {
	select {
	case <-time.After(pause/2 + rand.N(pause)):
	case <-ctx.Done():
	}
}

// here notes that the engine is there.
func (s *Shared) here() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Connected {
		return
	}
	again := s.status.Problem != ""
	s.status.Connected, s.status.Problem, s.status.Since = true, "", time.Now()
	if again {
		s.status.Reconnects++
		s.opts.Logger.Info("the broker is there again")
	}
}

// away notes that the engine is not.
func (s *Shared) away(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.status.Connected || s.status.Problem == "" {
		s.status.Since, s.said = now, time.Time{}
	}
	if now.Sub(s.said) > sayEach {
		s.said = now
		s.opts.Logger.Warn("the broker is away; trying again", "since", s.status.Since, "error", err)
	}
	s.status.Connected, s.status.Problem = false, err.Error()
}
