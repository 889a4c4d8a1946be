package server

import (
	"context"
	"log/slog"
	"sync"

	"wpre-relay/relay/throttle"
)

// RefusalReasons are what clients can be refused for.
var RefusalReasons = []string{"auth", "auth_unavailable", "behind", "handshake", "max_clients", "max_clients_per_ip", "origin", "position",
	"rate", "token", "types"}

// refusals counts what clients are refused for. An attack does not fill the log: of each reason it is one line in a
// while, that says how many there were, and at debug level all.
type refusals struct {
	counts
	logger *slog.Logger
	noisy  sync.Map // of *throttle.Throttle by reason
}

// note adds one, and maybe logs it with these attributes.
func (r *refusals) note(reason string, attributes ...any) {
	r.add(reason)
	level := slog.LevelDebug
	noisy, _ := r.noisy.LoadOrStore(reason, new(throttle.Throttle))
	if n, due := noisy.(*throttle.Throttle).Count(); due {
		level = slog.LevelWarn
		attributes = append(attributes, "times", n)
	}
	r.logger.Log(context.Background(), level, "client refused", attributes...)
}
