package relay

import (
	"context"
	"log/slog"
	"maps"
	"sync"

	"wpre-relay/relay/throttle"
)

// refusals counts what clients are refused for. An attack does not fill the log: of each reason it is one line in a
// while, that says how many there were, and at debug level all.
type refusals struct {
	logger *slog.Logger

	mu     sync.Mutex
	counts map[string]uint64 // by reason; guarded by mu
	noisy  map[string]*throttle.Throttle
}

// count adds one.
func (r *refusals) count(reason string) *throttle.Throttle {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts, r.noisy = make(map[string]uint64), make(map[string]*throttle.Throttle)
	}
	if r.counts[reason]++; r.noisy[reason] == nil {
		r.noisy[reason] = new(throttle.Throttle)
	}
	return r.noisy[reason]
}

// note adds one, and maybe logs it with these attributes.
func (r *refusals) note(reason string, attributes ...any) {
	level := slog.LevelDebug
	if n, due := r.count(reason).Count(); due {
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
