// Wpre-relay makes the WordPress plugin "WP Realtime Events" real-time: it watches the event file that the plugin
// writes and sends each new event to all browsers over WebSocket. This file alone knows both sides, what watches and what relays.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/app"
	"wpre-relay/relay/check"
	"wpre-relay/relay/cli"
	"wpre-relay/relay/companion"
	"wpre-relay/relay/config"
	"wpre-relay/relay/tail"
	"wpre-relay/relay/verb"
	"wpre-relay/schema"
	"wpre-relay/watcher"
)

// version is set by the linker in releases.
var version = ""

func main() {
	settings, command, err := cli.Parse(os.Args[1:], describeVersion(), os.Stdout, os.Exit)
	if err != nil {
		fail(err)
	}
	level := new(slog.LevelVar)
	level.Set(settings.LogLevel)
	logger := settings.Logger(os.Stderr, level)
	slog.SetDefault(logger)
	ctx := untilSignal(context.Background())
	switch command {
	case "serve":
		err = serve(ctx, settings.Serve.Settings(), onHangup(level, logger), logger)
	case "demo":
		run := func(ctx context.Context, s config.Relay) error { return serve(ctx, s, nil, logger) }
		err = verb.Demo(ctx, settings.Demo, run, os.Stdout, logger)
	case "tail":
		err = tail.Run(ctx, settings.Tail.URL, tail.Options{Since: settings.Tail.Since, Last: settings.Tail.Last, Token: settings.Tail.Token}, os.Stdout, logger)
	case "bench":
		err = verb.Bench(ctx, settings.Bench, os.Stdout, os.Stderr)
	case "check":
		err = verb.Check(ctx, settings.Check, verb.Watching{Locate: watcher.Locate, Probe: watcher.Probe}, os.Stdout)
	case "companion":
		_, err = os.Stdout.Write(companion.Plugin)
	case "config":
		err = settings.PrintConfig(os.Stdout)
	case "completion":
		err = settings.PrintCompletion(os.Stdout)
	case "token":
		err = verb.Token(settings.Token, os.Stdout)
	case "healthcheck":
		err = check.Live(ctx, settings.Healthcheck.Listen)
	}
	if err != nil {
		fail(err)
	}
}

// fail ends the program: with status 2 if it was called wrongly, else 1.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "wpre-relay: "+err.Error())
	var usage *cli.UsageError
	if errors.As(err, &usage) {
		os.Exit(2)
	}
	os.Exit(1)
}

func describeVersion() string {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "" {
		v = info.Main.Version
	}
	return fmt.Sprintf("%s (%s, %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends; the next one ends the process. Service
// managers send SIGTERM, mostly to start anew; a person's Ctrl-C is SIGINT.
func untilSignal(parent context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cause := app.ErrStop
		if <-signals == syscall.SIGTERM {
			cause = app.ErrRestart
		}
		signal.Stop(signals)
		cancel(cause)
	}()
	return ctx
}

// onHangup returns what reads keys, certificates and the level of the log again on each SIGHUP from now on, until ctx ends.
func onHangup(level *slog.LevelVar, logger *slog.Logger) func(ctx context.Context, keys func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return func(ctx context.Context, keys func()) {
		for {
			select {
			case <-hangups:
				keys()
				settings, _, err := cli.Parse(os.Args[1:], describeVersion(), os.Stdout, os.Exit)
				if err != nil {
					logger.Error("the settings cannot be read again; the level of the log stays", "error", err)
					continue
				}
				level.Set(settings.LogLevel)
				logger.Info("read again: keys, certificates and the level of the log", "level", settings.LogLevel)
			case <-ctx.Done():
				return
			}
		}
	}
}

// serve runs the relay on what the watcher reads.
func serve(ctx context.Context, s config.Relay, reload func(context.Context, func()), logger *slog.Logger) error {
	return app.Run(ctx, s, app.Options{
		Version: describeVersion(),
		Locate:  watcher.Locate,
		Watch: func(file string, rel *relay.Relay, newest bool) (app.Watcher, error) {
			w, err := watcher.New(file, watcher.Options{
				Debounce:     s.Debounce,
				PollInterval: s.PollInterval,
				MaxSize:      int(s.MaxEventSize),
				Complete:     schema.Complete,
				ValidLine:    schema.ValidLine,
				NewestOnly:   newest,
				OnOverwrites: rel.Overwritten,
				Logger:       logger,
			})
			if err != nil {
				return nil, err
			}
			return watch{w, rel}, nil
		},
		Reload: reload,
		Logger: logger,
	})
}

// watch has a relay ingest what a watcher reads.
type watch struct {
	*watcher.Watcher
	relay *relay.Relay
}

// Run implements app.Watcher.
func (w watch) Run(ctx context.Context) error {
	return w.Watcher.Run(ctx, func(ctx context.Context, content watcher.Content) error {
		if content.Outbox {
			return w.relay.IngestLine(ctx, content.Bytes)
		}
		return w.relay.Ingest(ctx, content.Bytes, content.Written)
	})
}

// Status implements app.Watcher.
func (w watch) Status() admin.Watch { return admin.Watch(w.Watcher.Status()) }
