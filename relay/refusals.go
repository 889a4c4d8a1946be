package relay

import (
	"context"
	"log/slog"
	"maps"
	"sync"
)

// refusals counts what clients are refused for. An attack does not fill the log: of each reason it is one line in a
// while, that says how many there were, and at debug level all.
type refusals struct {
	logger *slog.Logger

	mu       sync.Mutex
	counts   map[string]uint64 // by reason; guarded by mu
	throttle map[string]*throttle
}

// count adds one.
func (r *refusals) count(reason string) *throttle {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts, r.throttle = make(map[string]uint64), make(map[string]*throttle)
	}
	if r.counts[reason]++; r.throttle[reason] == nil {
		r.throttle[reason] = new(throttle)
	}
	return r.throttle[reason]
}

// note adds one, and maybe logs it with these attributes.
func (r *refusals) note(reason string, attributes ...any) {
	level := slog.LevelDebug
	if n, due := r.count(reason).count(); due {
		level = slog.LevelWarn
		attributes = append(attributes, "times", n)
	}
	r.logger.Log(context.Background(), level, "client refused", attributes...)
}

// all returns the counts.
func (r *refusals) all() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := make(map[string]uint64, len(r.counts))
	maps.Copy(counts, r.counts)
	return counts
}
