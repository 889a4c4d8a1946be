// Package sidecar is the relay as a whole: it opens the parts that the settings name, runs them side by side, and ends them
// in order. It does none of their work, reads no command line and handles no signals. What watches the event file it knows
// as a Watcher alone, which its caller makes.
package app

import (
	"context"
	"errors"
	"log/slog"

	"wpre-relay/relay"
	"wpre-relay/relay/config"
	"wpre-relay/relay/sharedlog"
)

// With these causes a caller ends the context of Run on purpose; they decide what clients are told.
var (
	// ErrStop tells clients that the relay goes away: close code 1001.
	ErrStop = errors.New("interrupted")

	// ErrRestart tells them that it comes back: 1012. So does the end of a context that has no cause.
	ErrRestart = errors.New("terminated")
)

// Options for Run. The zero value will do for a relay that watches no file.
type Options struct {
	// Version is what operators are told that runs. Default "".
	Version string

	// Locate finds the event file from a path that an operator gives; sure is false if it had to guess. It must be set
	// if the settings say to watch something.
	Locate func(path string) (file string, sure bool, err error)

	// Watch returns a Watcher that passes the contents of file and of the outbox beside it to rel. With newestOnly it
	// passes only the newest line of those that the outbox has at the start. Required if the settings have a path to watch.
	Watch func(file string, settings config.Capture, rel *relay.Relay, newestOnly bool) (Watcher, error)

	// Reload runs while clients are served, until its context ends, and may call keys to have keys and certificates read
	// again. Default: they are read again only when they change.
	Reload func(ctx context.Context, keys func())

	// Logger is told what is opened, what goes wrong, and why the relay ends. Default: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Reload == nil {
		o.Reload = func(context.Context, func()) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Run runs the relay until ctx ends or something breaks. It returns when all that it started has ended and what was ingested
// is in the journal: nil if ctx ended on purpose, with ErrStop, ErrRestart or no cause. If the history that it shares with
// other relays was begun anew, so is the relay; ports and files are opened again.
func Run(ctx context.Context, settings config.Relay, opts Options) error {
	opts = opts.withDefaults()
	for {
		err := runOnce(ctx, settings, opts)
		if !errors.Is(err, sharedlog.ErrStreamReset) || ctx.Err() != nil {
			return err
		}
		opts.Logger.Warn("the shared history is another one: all clients begin anew, and are told of a gap", "error", err)
	}
}

// runOnce runs the relay on one history.
func runOnce(ctx context.Context, settings config.Relay, opts Options) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p, err := openParts(settings, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	return p.run(ctx, cancel)
}

// onPurpose returns why ctx ended, nil if its caller or the end of its work did it.
func onPurpose(ctx context.Context) error {
	switch cause := context.Cause(ctx); cause {
	case ErrStop, ErrRestart, context.Canceled:
		return nil
	default:
		return cause
	}
}
