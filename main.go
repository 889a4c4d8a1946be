// Wpre-relay makes the WordPress plugin "WP Realtime Events" real-time: it watches the plugin's event file and
// sends each new event to all clients over WebSocket. This file connects the packages: no other one knows the
// command line, the watcher and the relay.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/app"
	"wpre-relay/relay/cli"
	"wpre-relay/relay/config"
	"wpre-relay/relay/fileop"
	"wpre-relay/relay/process"
	"wpre-relay/schema"
	"wpre-relay/watcher"
)

var version string // set by the linker in releases

func main() { process.Run(run, app.ErrStop, app.ErrRestart) }

// run runs the command of the command line until ctx ends, and returns the exit status.
func run(ctx context.Context) (status int) {
	command, err := parse(ctx)
	if err != nil {
		return cli.PrintError(os.Stderr, err)
	}
	logger, sink := command.Logger(os.Stderr)
	defer sink.Flush()
	slog.SetDefault(logger)
	go fileop.Report(context.Background(), logger) // until the process ends, since a stop can hang too
	options := app.Options{
		Version:      cli.DescribeVersion(version),
		Locate:       watcher.Locate,
		LocateByName: watcher.LocateByName,
		Watch:        newWatch,
		Logger:       logger,
		LogDropped:   sink.Dropped,
	}
	env := cli.Env{
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Logger: logger,
		Serve: func(ctx context.Context, settings config.Relay, trace relay.Trace) error {
			options.Trace = trace
			return app.Run(ctx, settings, options)
		},
		Locate:         watcher.Locate,
		Probe:          watcher.Probe,
		PHPCode:        watcher.PHPCode,
		ConfigConstant: watcher.ConfigConstant,
	}
	if command.Name() == "serve" {
		signal.Ignore(syscall.SIGPIPE) // otherwise a log without a reader ends the process
		options.Reload = command.ReloadOnHangup(logger)
		options.Settings = shownSettings(command)
		options.Check = func(ctx context.Context) (any, error) { return command.Findings(ctx, env) }
	}
	if err = command.Run(ctx, env); err != nil {
		return cli.PrintError(sink, err)
	}
	return 0
}

// shownSettings returns the settings that operators see.
func shownSettings(command *cli.CLI) (settings []admin.Setting) {
	for _, s := range command.Settings() {
		settings = append(settings, admin.Setting(s))
	}
	return settings
}

// parse returns the command line. It reports files that hang.
func parse(ctx context.Context) (command *cli.CLI, err error) {
	reporting, stop := context.WithCancel(context.Background())
	defer stop()
	go fileop.Report(reporting, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	process.Interruptible(ctx, func() {
		command, err = cli.Parse(os.Args[1:], cli.DescribeVersion(version), os.Stdout, os.Exit)
	})
	return command, err
}

// watch passes the contents that a watcher reads to a relay.
type watch struct {
	*watcher.Watcher
	relay *relay.Relay
}

func newWatch(file string, settings config.Capture, rel *relay.Relay, newestOnly bool) (app.Watcher, error) {
	w, err := watcher.New(file, watcher.Options{
		Debounce:     settings.Debounce,
		PollInterval: settings.PollInterval,
		MaxSize:      int(settings.MaxEventSize),
		Complete:     schema.Complete,
		ValidLine:    schema.ValidLine,
		NewestOnly:   newestOnly,
		OnOverwrites: rel.CountOverwritten,
		OnIdle:       rel.Idle,
	})
	if err != nil {
		return nil, err
	}
	return watch{w, rel}, nil
}

// Run implements app.Watcher.
func (w watch) Run(ctx context.Context) error {
	return w.Watcher.Run(ctx, func(ctx context.Context, content watcher.Content) error {
		if content.Outbox {
			return w.relay.IngestLine(ctx, content.Bytes)
		}
		if content.Ahead {
			return w.relay.IngestAhead(ctx, content.Bytes, content.Written)
		}
		return w.relay.Ingest(ctx, content.Bytes, content.Written)
	})
}

// Status implements app.Watcher.
func (w watch) Status() admin.Watch { return admin.Watch(w.Watcher.Status()) }
