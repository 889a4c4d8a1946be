// Wpre-relay makes the WordPress plugin "WP Realtime Events" real-time: it watches the event file that the plugin
// writes and sends each new event to all browsers over WebSocket. This file wires the parts and ends them in order.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/broker"
	"wpre-relay/relay/cli"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/guard"
	"wpre-relay/relay/origin"
	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/systemd"
	"wpre-relay/relay/tail"
	"wpre-relay/relay/verb"
	"wpre-relay/relay/webhook"
	"wpre-relay/schema"
	"wpre-relay/watcher"
)

// companion is for wp-content/mu-plugins: with it beside the plugin no event is lost.
//
//go:embed scripts/wordpress/wpre-relay-companion.php
var companion []byte

// version is set by the linker in releases.
var version = ""

// errStop and errRestart end the relay on purpose; they decide what clients are told.
var (
	errStop    = errors.New("interrupted")
	errRestart = errors.New("terminated")
)

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
		hangups := make(chan os.Signal, 1)
		signal.Notify(hangups, syscall.SIGHUP)
		err = serve(ctx, settings.Serve, reloads{hangups, level}, logger)
	case "demo":
		run := func(ctx context.Context, s cli.Serve) error { return serve(ctx, s, reloads{}, logger) }
		err = verb.Demo(ctx, settings.Demo, run, os.Stdout, logger)
	case "tail":
		err = tail.Run(ctx, settings.Tail.URL, tail.Options{Since: settings.Tail.Since, Last: settings.Tail.Last, Token: settings.Tail.Token}, os.Stdout, logger)
	case "bench":
		err = verb.Bench(ctx, settings.Bench, os.Stdout, os.Stderr)
	case "check":
		err = verb.Check(ctx, settings.Check, verb.Watching{Locate: watcher.Locate, Probe: probe}, os.Stdout)
	case "companion":
		_, err = os.Stdout.Write(companion)
	case "config":
		err = settings.PrintConfig(os.Stdout)
	case "completion":
		err = settings.PrintCompletion(os.Stdout)
	case "token":
		err = verb.Token(settings.Token, os.Stdout)
	case "healthcheck":
		err = relay.CheckLive(ctx, settings.Healthcheck.Listen)
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
		cause := errStop
		if <-signals == syscall.SIGTERM {
			cause = errRestart
		}
		signal.Stop(signals)
		cancel(cause)
	}()
	return ctx
}

// start runs parts side by side. The function that it returns ends them and waits until they are done.
func start(parts ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, part := range parts {
		running.Go(func() { part(ctx) })
	}
	return func() { cancel(); running.Wait() }
}

// reloads are the signals to read again what may change while the relay runs, and the level of its log.
type reloads struct {
	signals <-chan os.Signal
	level   *slog.LevelVar
}

// run reads keys, certificates and the level again on each signal, until ctx ends.
func (r reloads) run(ctx context.Context, guard *guard.Guard, logger *slog.Logger) {
	for {
		select {
		case <-r.signals:
			guard.Reload()
			settings, _, err := cli.Parse(os.Args[1:], describeVersion(), os.Stdout, os.Exit)
			if err != nil {
				logger.Error("the settings cannot be read again; the level of the log stays", "error", err)
				continue
			}
			r.level.Set(settings.LogLevel)
			logger.Info("read again: keys, certificates and the level of the log", "level", settings.LogLevel)
		case <-ctx.Done():
			return
		}
	}
}

// serve runs the relay until ctx ends or something breaks. If the stream that it shares was begun anew, so is the relay.
func serve(ctx context.Context, s cli.Serve, reloads reloads, logger *slog.Logger) error {
	for {
		err := serveOnce(ctx, s, reloads, logger)
		if !errors.Is(err, sharedlog.ErrRenewed) || ctx.Err() != nil {
			return err
		}
		logger.Warn("the shared history is another one: all clients begin anew, and are told of a gap", "error", err)
	}
}

// serveOnce runs the relay on one history. What is started last ends first: no more clients come, those there are told, the
// file is left alone, what it said is kept, and the log is closed.
func serveOnce(ctx context.Context, s cli.Serve, reloads reloads, logger *slog.Logger) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	file, state, err := locate(s, logger)
	if err != nil {
		return err
	}
	guard, err := guard.Open(s.Security, state, logger)
	if err != nil {
		return err
	}
	monitor := admin.NewMonitor()
	in, err := openCapture(s, file, state, relay.Options{MaxEventSize: int(s.MaxEventSize), Filter: guard.Filter, Decided: monitor.Decided, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	shared, err := openShared(s, in, logger)
	if err != nil {
		return err
	}
	if shared != nil {
		defer shared.Close()
	}
	// The ports are taken before the file is read: what is read counts as sent.
	public, operators, err := listen(s)
	if err != nil {
		return err
	}
	public, scheme := guard.Secure(public)
	defer in.start(cancel)()
	entrance := new(relay.Entrance)
	forward := webhook.New(s.ForwardURL, logger)
	defer start(forward.Run)()
	health := admin.Health{
		Version:  describeVersion(),
		Started:  time.Now(),
		Relay:    in.relay,
		Watch:    in.report(),
		Server:   entrance.Server,
		Forward:  forward.Counts,
		Stopping: ctx.Done(),
	}
	options := serverOptions(s, guard, monitor, state, logger)
	if forward != nil {
		options.Said = func(client, text string) { forward.Offer(webhook.Message{Text: text, Client: client}) }
	}
	if shared != nil {
		health.Broker, options.Behind = shared.Status, shared.Away
	}
	if operators != nil {
		handler := admin.New(health, monitor, admin.Options{Local: isLoopback(operators.Addr()), Publishing: in.publishing(s), Profiles: s.Pprof})
		defer start(
			func(ctx context.Context) { monitor.Run(ctx, health) },
			func(ctx context.Context) { relay.Serve(ctx, operators, handler, logger) },
		)()
		logger.Info("operators look here", "url", relay.URL("http", operators.Addr()))
	}
	if !in.ready(ctx) {
		return onPurpose(ctx)
	}
	listening := func() (stop func()) {
		return start(func(ctx context.Context) { relay.Serve(ctx, public, entrance, logger) })
	}
	log, found, stopListening := in.log, in.before, func() {}
	if shared != nil {
		stopListening = listening() // who comes before the broker is reached is told so
		defer func() { stopListening() }()
		if err := shared.Join(ctx); err != nil {
			cancel(err) // counts only if nothing else has ended ctx
			return onPurpose(ctx)
		}
		defer start(func(ctx context.Context) {
			if err := shared.Run(ctx); err != nil {
				cancel(err)
			}
		})()
		log, found = shared.Log(), shared.Log().Head().Seq
	}
	server := relay.NewServer(log, found, options)
	defer start(server.Run, guard.Run, func(ctx context.Context) { reloads.run(ctx, guard, logger) })()
	entrance.Open(server)
	if shared == nil {
		stopListening = listening()
	}
	logger.Info("browsers connect here", "url", relay.URL(scheme, public.Addr()))
	if s.ShowsDrafts() {
		logger.Warn("titles of drafts, private and pending posts are sent to everybody who connects; to send those of published posts alone: --public-status publish")
	}
	defer start(func(ctx context.Context) { systemd.KeepWatchdog(ctx, in.alive, logger) })()
	systemd.Ready()

	<-ctx.Done()
	systemd.Stopping()
	logger.Info("stopping", "why", context.Cause(ctx), "clients", server.Status().Clients)
	stopListening()
	if errors.Is(context.Cause(ctx), errStop) {
		server.Drain(websocket.StatusGoingAway, "the relay stops", s.Drain)
	} else {
		server.Drain(websocket.StatusServiceRestart, "the relay restarts", s.Drain)
	}
	return onPurpose(ctx)
}

// capture is what takes events in. All of it is nil where nothing is captured.
type capture struct {
	log     *eventlog.Log
	relay   *relay.Relay
	watcher *watcher.Watcher // nil if nothing is watched
	before  uint64           // number of the newest record before it was started
}

// openCapture opens the log of what was captured in state, and what watches the file, if there is one to watch.
func openCapture(s cli.Serve, file, state string, opts relay.Options) (*capture, error) {
	if !s.Ingests() {
		if s.ResumeCookie { // which keeps something beside the log
			return new(capture), os.MkdirAll(state, 0o700)
		}
		return new(capture), nil
	}
	log, err := eventlog.Open(state, eventlog.Options{Records: s.History, Age: s.HistoryAge, Logger: opts.Logger})
	if err != nil {
		return nil, err
	}
	opts.Logger.Info("remembering what was sent", "state", state, "position", log.Head())
	c := &capture{log: log, relay: relay.New(log, opts), before: log.Head().Seq}
	if file != "" {
		c.watcher, err = watcher.New(file, watcherOptions(s, c, opts.Logger))
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return c, nil
}

func (c *capture) close() error {
	if c.log == nil {
		return nil
	}
	return c.log.Close()
}

// start runs what there is; if it breaks, cancel is told why.
func (c *capture) start(cancel context.CancelCauseFunc) (stop func()) {
	if c.log == nil {
		return func() {}
	}
	stopLog := start(c.relay.Run, c.log.KeepSynced)
	if c.watcher == nil {
		return stopLog
	}
	stopWatch := start(func(ctx context.Context) {
		if err := c.watcher.Run(ctx, c.ingest); err != nil {
			cancel(err)
		}
	})
	return func() { stopWatch(); stopLog() }
}

func (c *capture) ingest(ctx context.Context, content watcher.Content) error {
	if content.Outbox {
		return c.relay.IngestLine(ctx, content.Bytes)
	}
	return c.relay.Ingest(ctx, content.Bytes, content.Written)
}

// publishing returns what takes events over HTTP, nil if nothing does.
func (c *capture) publishing(s cli.Serve) *admin.Publishing {
	if s.PublishToken == "" {
		return nil
	}
	return &admin.Publishing{Token: string(s.PublishToken), MaxSize: int(s.MaxEventSize), Publish: c.relay.Publish}
}

// ready waits until what is there at the start is in the log, and reports whether it is; else ctx has ended.
func (c *capture) ready(ctx context.Context) bool {
	if c.watcher == nil {
		return true
	}
	select {
	case <-c.watcher.Ready():
		return c.relay.Flush(ctx) == nil
	case <-ctx.Done():
		return false
	}
}

// alive returns when the capture was last free to do something.
func (c *capture) alive() time.Time {
	if c.watcher == nil {
		return time.Now()
	}
	return c.watcher.Status().Alive
}

// report returns what tells how the watch stands, nil if there is none.
func (c *capture) report() func() admin.Watch {
	if c.watcher == nil {
		return nil
	}
	return func() admin.Watch { return watchReport(c.watcher.Status()) }
}

// openShared returns this relay's part in a history that it shares with others, nil if it shares none.
func openShared(s cli.Serve, in *capture, logger *slog.Logger) (*sharedlog.Shared, error) {
	if s.Broker == nil {
		return nil, nil
	}
	engine, err := broker.Open(s.Broker, s.History)
	if err != nil {
		return nil, err
	}
	shared, err := sharedlog.Open(engine, in.log, sharedlog.Options{Records: s.History, Age: s.HistoryAge, Logger: logger})
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	logger.Info("sharing the history with other relays", "broker", s.Broker.Scheme+"://"+s.Broker.Host, "captures", in.log != nil)
	return shared, nil
}

// watchReport returns how the watch stands, in the words of admin.
func watchReport(s watcher.Status) admin.Watch {
	return admin.Watch{
		File:          s.File,
		Mode:          string(s.Mode),
		Reason:        s.Reason,
		Present:       s.Present,
		Outbox:        s.Outbox,
		Problem:       s.Problem,
		Alive:         s.Alive,
		Notifications: s.Notifications,
		Overflows:     s.Overflows,
		Rearmed:       s.Rearmed,
	}
}

// isLoopback reports whether only this machine reaches what listens at addr.
func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func watcherOptions(s cli.Serve, c *capture, logger *slog.Logger) watcher.Options {
	return watcher.Options{
		Debounce:     s.Debounce,
		PollInterval: s.PollInterval,
		MaxSize:      int(s.MaxEventSize),
		Complete:     schema.Complete,
		Intact:       schema.Intact,
		Newest:       c.log.New(),
		Overwritten:  c.relay.Overwritten,
		Logger:       logger,
	}
}

// locate finds the file to watch, "" if none is to be, and the folder for what is remembered.
func locate(s cli.Serve, logger *slog.Logger) (file, state string, err error) {
	if s.Watch == "" {
		state, err = s.StatePath("/" + s.Role() + "/")
		return "", state, err
	}
	file, sure, err := watcher.Locate(s.Watch)
	if err != nil {
		return "", "", err
	}
	if !sure {
		logger.Warn("nothing tells what --watch is; taking it for WordPress's root", "watch", s.Watch, "file", file)
	}
	state, err = s.StatePath(file)
	return file, state, err
}

// listen takes both ports, or the sockets that systemd has opened in their place; operators is nil if that is off.
func listen(s cli.Serve) (public, operators net.Listener, err error) {
	sockets, err := systemd.Sockets()
	if err != nil {
		return nil, nil, err
	}
	open := func(name, flag, address string) (net.Listener, error) {
		if socket := sockets[name]; socket != nil {
			return socket, relay.Adopt(socket)
		}
		return relay.Listen(flag, address)
	}
	if public, err = open("public", "--listen", s.Listen); err != nil {
		return nil, nil, err
	}
	if s.AdminListen == "off" {
		return public, nil, nil
	}
	if operators, err = open("admin", "--admin-listen", s.AdminListen); err != nil {
		return nil, nil, errors.Join(err, public.Close())
	}
	return public, operators, nil
}

func serverOptions(s cli.Serve, guard *guard.Guard, monitor *admin.Monitor, state string, logger *slog.Logger) relay.ServerOptions {
	options := relay.ServerOptions{
		Origins:         origin.Policy{Allow: s.AllowOrigin, Require: s.RequireOrigin},
		Gate:            guard.Gate,
		Filter:          guard.Filter,
		Proxies:         guard.Proxies,
		HandshakeRate:   s.HandshakeRate,
		MessageRate:     s.MessageRate,
		MaxClients:      s.MaxClients,
		MaxClientsPerIP: s.MaxClientsPerIP,
		CatchUp:         s.CatchUp,
		Welcome:         s.Welcome,
		PeerMessages:    s.PeerMessages,
		Delivered:       monitor.Delivered,
		Logger:          logger,
	}
	if s.ResumeCookie {
		options.ResumeFile = filepath.Join(state, "resume.json")
	}
	return options
}

// onPurpose returns why ctx ended, nil if a signal or the end of its work did it.
func onPurpose(ctx context.Context) error {
	switch cause := context.Cause(ctx); cause {
	case errStop, errRestart, context.Canceled:
		return nil
	default:
		return cause
	}
}

// probe is watcher.Probe in the words of verb.
func probe(file string, pollInterval time.Duration) (mode, reason string) {
	m, reason := watcher.Probe(file, pollInterval)
	return string(m), reason
}
