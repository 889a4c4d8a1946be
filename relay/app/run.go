package app

import (
	"context"
	"errors"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fileop"
	"wpre-relay/relay/server"
	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/systemd"
)

// run starts the components in the order in which an event passes them, and waits for ctx to end. The deferred
// calls stop them in the reverse order, and each waits until its goroutines have returned: no new clients, clients
// closed, event file no longer read, last events appended. A component that fails calls fail with its error, which
// ends ctx.
func (c *components) run(ctx context.Context, fail context.CancelCauseFunc) error {
	stopCapture := c.startCapture(fail)
	defer stopCapture()
	stopForwarding := c.start("forwarding", stopLimit, c.forward.Run)
	defer stopForwarding()
	stopAdmin := c.startAdmin(ctx.Done(), fail)
	defer stopAdmin()
	stopChecks := c.start("checks", stopLimit, c.checkListeners, c.keepWatchdog, orFail(fail, c.checkLookup))
	defer stopChecks()
	defer c.public.close()

	stopKeeping, err := c.waitCaptured(ctx, fail)
	if err != nil {
		fail(err) // has no effect if ctx has ended already
		return failure(ctx)
	}
	defer stopKeeping()
	history, err := c.openHistory(ctx, fail)
	if err != nil {
		fail(err) // has no effect if ctx has ended already
		return failure(ctx)
	}
	defer history.stop()

	srv := server.New(history.log, history.before, c.serverOptions())
	stopServer := c.start("server", stopLimit, srv.Run, orFail(fail, c.security.run), c.reload)
	defer stopServer()
	c.public.attach(srv)
	c.public.serve(fail)
	c.logListening()

	<-ctx.Done()
	c.closeClients(srv, context.Cause(ctx))
	return failure(ctx)
}

// waitCaptured waits until the contents from before the start are in the log, and keeps the state. If the file system
// hangs, it does not wait: the relay serves the history that it has, and keeps the state once the contents are in the
// log, until stop is called.
func (c *components) waitCaptured(ctx context.Context, fail context.CancelCauseFunc) (stop func(), err error) {
	err = c.capture.waitReady(ctx)
	if !errors.Is(err, fileop.ErrHangs) {
		if err == nil {
			err = c.keepState()
		}
		return func() {}, err
	}
	c.logger.Error("serving the history without newer events", "error", err)
	return c.start("first events", stopLimit, orFail(fail, func(ctx context.Context) error {
		select {
		case <-c.capture.watcher.Ready():
			return c.keepState()
		case <-ctx.Done():
			return nil
		}
	})), nil
}

// history is the log that clients read.
type history struct {
	log    *eventlog.Reader
	before uint64 // sequence number of the newest record from before the start
	stop   func()
}

// openHistory returns the relay's own log or, with a broker, the mirror of the broker's stream. It waits until the
// broker is reachable. Meanwhile, requests get 503.
func (c *components) openHistory(ctx context.Context, fail context.CancelCauseFunc) (history, error) {
	if c.shared == nil {
		return history{c.capture.log.Reader, c.capture.before, func() {}}, nil
	}
	c.public.serve(fail)
	joined, err := c.shared.Join(ctx)
	if err != nil {
		return history{}, err
	}
	return history{joined.Log(), joined.Log().Head().Seq, c.start("broker", stopLimit, orFail(fail, joined.Run))}, nil
}

func (c *components) logListening() {
	c.logger.Info("listening", "url", c.public.url())
	if c.settings.ShowsDrafts() {
		c.logger.Warn("clients receive titles of drafts, private and pending posts; " +
			"to send published posts only, set --public-status publish")
	}
}

// closeClients closes the listener and then all clients, spread over --drain. The cause decides the close code.
func (c *components) closeClients(srv *server.Server, cause error) {
	if !errors.Is(cause, sharedlog.ErrStreamReset) { // after a reset the process continues: see Run
		systemd.Stopping()
	}
	c.logger.Info("stopping", "reason", cause, "clients", srv.Status().Clients)
	c.public.close()
	reason := fanout.CloseRestart
	if errors.Is(cause, ErrStop) {
		reason = fanout.CloseStop
	}
	c.wait("clients", c.settings.Drain+drainGrace, func() { srv.Drain(reason, c.settings.Drain) })
}

func (c *components) reload(ctx context.Context) { c.opts.Reload(ctx, c.security.reload) }

func (c *components) keepWatchdog(ctx context.Context) {
	systemd.KeepWatchdog(ctx, c.alive, c.logger)
}

// orFail returns a function for start that runs function and calls fail with its error, if any.
func orFail(fail context.CancelCauseFunc, function func(context.Context) error) func(context.Context) {
	return func(ctx context.Context) {
		if err := function(ctx); err != nil {
			fail(err)
		}
	}
}
