// Wpre-relay makes the WordPress plugin "WP Realtime Events" real-time: it watches the plugin's event file and
// sends each new event to all clients over WebSocket. This file connects the packages: no other one knows the
// command line, the watcher and the relay.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/app"
	"wpre-relay/relay/cli"
	"wpre-relay/relay/config"
	"wpre-relay/relay/fileop"
	"wpre-relay/relay/supervisor"
	"wpre-relay/schema"
	"wpre-relay/watcher"
)

var version string // set by the linker in releases

// init keeps the main goroutine, which does no file operations, on the first thread of the process, and all others off
// it. The kernel hands signals to that thread first: if it were stuck in a system call, SIGTERM would wait too.
func init() { runtime.LockOSThread() }

func main() {
	if status, supervised := supervisor.Run(); supervised {
		os.Exit(status)
	}
	ctx := untilSignal(context.Background())
	command, err := parseUntil(ctx)
	if err != nil {
		exit(cli.PrintError(os.Stderr, err))
	}
	level := new(slog.LevelVar)
	level.Set(command.LogLevel)
	logger, sink := command.Logger(os.Stderr, level)
	slog.SetDefault(logger)
	reportFiles(logger) // until the process ends
	options := app.Options{
		Version: cli.DescribeVersion(version),
		Locate:  watcher.Locate,
		Watch:   newWatch,

		LocateByName: watcher.LocateByName,
		Logger:       logger,
		LogDropped:   sink.Dropped,
	}
	if command.Name() == "serve" {
		signal.Ignore(syscall.SIGPIPE) // otherwise a log without a reader ends the process
		options.Reload = reloadOnHangup(level, logger)
	}
	err = command.Run(ctx, cli.Env{
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Logger: logger,
		Serve:  func(ctx context.Context, settings config.Relay) error { return app.Run(ctx, settings, options) },
		Locate: watcher.Locate,
		Probe:  watcher.Probe,

		PHPCode:        watcher.PHPCode,
		ConfigConstant: watcher.ConfigConstant,
	})
	status := 0
	if err != nil {
		status = cli.PrintError(sink, err)
	}
	sink.Flush()
	exit(status)
}

// exit ends the process. A system call that hangs may keep its remains, but not its output, which others wait for.
func exit(status int) {
	os.Stdout.Close()
	os.Stderr.Close()
	os.Exit(status)
}

// reportFiles logs file operations that hang, until stop is called.
func reportFiles(logger *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go fileop.Report(ctx, logger)
	return cancel
}

// parseUntil is parse for the start. It reports files that hang, and exits when ctx ends.
func parseUntil(ctx context.Context) (command *cli.CLI, err error) {
	defer reportFiles(slog.New(slog.NewTextHandler(os.Stderr, nil)))()
	parsed := make(chan struct{})
	go func() {
		defer close(parsed)
		command, err = parse()
	}()
	select {
	case <-parsed:
	case <-ctx.Done():
		exit(1)
	}
	if err == nil && command.Name() != "serve" && command.Name() != "check" {
		runtime.UnlockOSThread() // the main goroutine of other commands does the work
	}
	return command, err
}

func parse() (*cli.CLI, error) {
	return cli.Parse(os.Args[1:], cli.DescribeVersion(version), os.Stdout, os.Exit)
}

// untilSignal returns a context that ends on the first SIGINT or SIGTERM; the second one kills the process. SIGTERM
// counts as a restart, since service managers mostly send it to restart a service; SIGINT is a person's Ctrl-C.
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

// reloadOnHangup catches SIGHUP from now on. The function that it returns reloads keys, certificates and the log
// level for each of them, until ctx ends.
func reloadOnHangup(level *slog.LevelVar, logger *slog.Logger) func(ctx context.Context, reloadKeys func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return func(ctx context.Context, reloadKeys func()) {
		for {
			select {
			case <-hangups:
				reloadKeys()
				command, err := parse()
				if err != nil {
					logger.Error("reload failed, keeping the log level", "error", err)
					continue
				}
				level.Set(command.LogLevel)
				logger.Info("reloaded keys, certificates and log level", "level", command.LogLevel)
			case <-ctx.Done():
				return
			}
		}
	}
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
