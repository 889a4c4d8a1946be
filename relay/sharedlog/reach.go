package sharedlog

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// soonest and latest bound the pause before the engine is tried again, which doubles, and is spread by half.
	soonest = 50 * time.Millisecond
	latest  = 2 * time.Second

	// sayEach is how often it is logged that the engine is still away.
	sayEach = time.Minute
)

// Status says how a relay stands to the engine.
type Status struct {
	Connected  bool      `json:"connected"`
	Problem    string    `json:"problem"`    // why not; "" if it is
	Since      time.Time `json:"since"`      // when that began
	Reconnects uint64    `json:"reconnects"` // times it has come back
	Pending    uint64    `json:"pending"`    // events captured here that the engine has not taken yet
	Lost       uint64    `json:"lost"`       // of these, those that were no longer kept when it could be reached again
}

// reach is whether the engine can be reached.
type reach struct {
	logger *slog.Logger

	mu     sync.Mutex
	status Status    // without what is pending; guarded by mu
	said   time.Time // when it was logged last that the engine is away; guarded by mu
}

// now returns how it stands now.
func (r *reach) now() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// persist calls try until that succeeds, with pauses, or ctx ends, whose error it returns. That the engine is there it leaves
// to its caller to note: who may join need not be able to read.
func (r *reach) persist(ctx context.Context, try func() error) error {
	for pause := soonest; ; pause = min(2*pause, latest) {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.away(err)
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
func (r *reach) here() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Connected {
		return
	}
	again := r.status.Problem != ""
	r.status.Connected, r.status.Problem, r.status.Since = true, "", time.Now()
	if again {
		r.status.Reconnects++
		r.logger.Info("the broker is there again")
	}
}

// away notes that the engine is not.
func (r *reach) away(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.status.Connected || r.status.Problem == "" {
		r.status.Since, r.said = now, time.Time{}
	}
	if now.Sub(r.said) > sayEach {
		r.said = now
		r.logger.Warn("the broker is away; trying again", "since", r.status.Since, "error", err)
	}
	r.status.Connected, r.status.Problem = false, err.Error()
}

// lose counts events that the others never get.
func (r *reach) lose(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Lost += n
}
