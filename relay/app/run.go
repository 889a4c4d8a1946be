package app

import (
	"context"
	"errors"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/systemd"
)

// run, serveShared and serve each start their parts, call the next, and end their parts when that returns. So what is started
// last ends first: no more clients come, those there are told, the file is left alone, what it said is kept, and then close
// closes the log. If a part breaks, cancel is told why.

// run captures events and, once those of before the start are in the log, serves them until ctx ends.
func (p *parts) run(ctx context.Context, cancel context.CancelCauseFunc) error {
	defer p.capture.start(cancel)()
	defer start(p.forward.Run)()
	defer p.startOperators(ctx.Done(), cancel)()
	defer start(p.keepWatchdog)()
	defer p.door.close()
	if !p.capture.ready(ctx) {
		return onPurpose(ctx)
	}
	if p.shared != nil {
		return p.serveShared(ctx, cancel)
	}
	return p.serve(ctx, cancel, p.capture.log.Reader, p.capture.before)
}

// serveShared serves the history that is shared, once that is reached.
func (p *parts) serveShared(ctx context.Context, cancel context.CancelCauseFunc) error {
	p.door.open(cancel) // who comes before the broker is reached is told so
	joined, err := p.shared.Join(ctx)
	if err != nil {
		cancel(err) // counts only if nothing else has ended ctx
		return onPurpose(ctx)
	}
	defer start(orCancel(cancel, joined.Run))()
	return p.serve(ctx, cancel, joined.Log(), joined.Log().Head().Seq)
}

// serve serves a log until ctx ends, and then sees clients off. Records after number found were found at the start.
func (p *parts) serve(ctx context.Context, cancel context.CancelCauseFunc, log *eventlog.Reader, found uint64) error {
	server := server.New(log, found, p.serverOptions())
	defer start(server.Run, orCancel(cancel, p.security.run), p.reload)()
	p.door.leadTo(server)
	p.door.open(cancel)
	p.logger.Info("browsers connect here", "url", p.door.url())
	if p.settings.ShowsDrafts() {
		p.logger.Warn("titles of drafts, private and pending posts are sent to everybody who connects; to send those of published posts alone: --public-status publish")
	}

	<-ctx.Done()
	why := context.Cause(ctx)
	if !errors.Is(why, sharedlog.ErrStreamReset) { // else it begins anew, and the manager would kill what does not end
		systemd.Stopping()
	}
	p.logger.Info("stopping", "why", why, "clients", server.Status().Clients)
	p.door.close()
	if errors.Is(why, ErrStop) {
		server.Drain(websocket.StatusGoingAway, "the relay stops", p.settings.Drain)
	} else {
		server.Drain(websocket.StatusServiceRestart, "the relay restarts", p.settings.Drain)
	}
	return onPurpose(ctx)
}

func (p *parts) reload(ctx context.Context) { p.opts.Reload(ctx, p.security.reload) }

func (p *parts) keepWatchdog(ctx context.Context) {
	systemd.KeepWatchdog(ctx, p.capture.alive, p.logger)
}
