// Package app runs a relay: it opens the components that the settings name, runs them side by side, and stops them
// in order. It does none of their work, reads no command line and handles no signals. It does not know how the
// event file is watched; its caller provides a Watcher.
package app

import (
	"context"
	"errors"
	"log/slog"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/config"
	"wpre-relay/relay/sharedlog"
)

// A caller cancels the context of Run with one of these causes. The cause decides the close code that clients get.
var (
	// ErrStop means that the relay stops: clients get close code 1001.
	ErrStop = errors.New("interrupted")

	// ErrRestart means that the relay is about to start again: clients get 1012. A context that ends without a
	// cause means the same.
	ErrRestart = errors.New("terminated")
)

// Options are the options of Run. The zero value works for a relay that watches no file.
type Options struct {
	// Version is the version that operators see. Default: "".
	Version string

	// Locate returns the event file for a path that an operator gives; doubt says why it may be the wrong
	// one, or is "". Required if the settings have a path to watch.
	Locate func(path string) (file, doubt string, err error)

	// LocateByName returns the path that Locate most likely returns, without looking at files. It is used while
	// Locate hangs. Default: the path itself.
	LocateByName func(path string) string

	// Watch returns a Watcher that passes the contents of file and of the outbox beside it to rel. With newestOnly
	// it passes only the newest of the lines that the outbox has at the start. Required if the settings have a path
	// to watch.
	Watch func(file string, settings config.Capture, rel *relay.Relay, newestOnly bool) (Watcher, error)

	// Reload runs while clients are served, until its context ends. It may call reloadKeys to reload keys and
	// certificates. Default: keys and certificates are reloaded only when their files change.
	Reload func(ctx context.Context, reloadKeys func())

	// Settings are the settings that operators see. Default: none.
	Settings []admin.Setting

	// Check returns the findings of the command check, for operators; see admin.Options. Default: none.
	Check func(ctx context.Context) (findings any, err error)

	// Trace is called at the steps of each event. Default: no calls.
	Trace relay.Trace

	// Logger is used by all components. Default: slog.Default().
	Logger *slog.Logger

	// LogDropped returns the number of log lines that were dropped. Default: none.
	LogDropped func() uint64
}

func (o Options) withDefaults() Options {
	if o.LocateByName == nil {
		o.LocateByName = func(path string) string { return path }
	}
	if o.Reload == nil {
		o.Reload = func(context.Context, func()) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.LogDropped == nil {
		o.LogDropped = func() uint64 { return 0 }
	}
	return o
}

// Run runs a relay until ctx ends or a component fails. When it returns, everything that it started has stopped,
// and all ingested events are in the journal. It returns nil if ctx ended with ErrStop, ErrRestart or no cause;
// otherwise it returns the cause or the error of the component. If the broker's stream was reset, or if the event file
// turns out to be another one, Run opens all components again and continues.
//
// If a component does not stop, for example because a file system hangs, Run returns an error within --drain and 5 s.
// Parts of the relay then still run, so the caller must end the process.
func Run(ctx context.Context, settings config.Relay, opts Options) error {
	opts = opts.withDefaults()
	for {
		err := runOnce(ctx, settings, opts)
		switch {
		case ctx.Err() != nil || errors.Is(err, errStopTimeout):
			return err
		case errors.Is(err, sharedlog.ErrStreamReset):
			opts.Logger.Warn("broker stream was reset, restarting clients with a gap notice", "error", err)
		case errors.Is(err, errAnotherFile):
			opts.Logger.Warn("the event file is another one, restarting clients", "error", err)
		default:
			return err
		}
	}
}

// runOnce runs a relay until ctx ends, a component fails or the broker's stream is reset.
func runOnce(ctx context.Context, settings config.Relay, opts Options) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	c := newComponents(settings, opts)
	opened := make(chan struct{})
	return c.bounded(ctx, settings.Drain, opened, func() error {
		if err := c.open(); err != nil {
			return errors.Join(err, c.close())
		}
		close(opened)
		return errors.Join(c.run(ctx, fail), c.close())
	})
}

// failure returns the cause of the end of ctx, or nil if ctx ended as intended.
func failure(ctx context.Context) error {
	switch cause := context.Cause(ctx); cause {
	case ErrStop, ErrRestart, context.Canceled:
		return nil
	default:
		return cause
	}
}
