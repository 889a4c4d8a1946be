package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fileop"
)

// Watcher passes the contents of the event file and of the outbox to a relay.
type Watcher interface {
	// Run watches until ctx ends, and then returns nil. An error ends the program. It is called once.
	Run(ctx context.Context) error

	// Ready is closed once Run has passed on the contents from before the start.
	Ready() <-chan struct{}

	// Status returns the current state of the watch.
	Status() admin.Watch
}

// capture has the components that take events in. All are nil in an edge relay.
type capture struct {
	log     *eventlog.Log
	relay   *relay.Relay
	watcher Watcher // nil without --watch
	before  uint64  // sequence number of the newest record from before the start
}

// openCapture opens the log and the watcher of file. With file "", there is no watcher.
func (c *components) openCapture(file string) (*capture, error) {
	s := c.settings
	if !s.Ingests() {
		return new(capture), nil
	}
	log, err := eventlog.Open(c.stateDir, eventlog.Options{
		Records:     s.History,
		Age:         s.HistoryAge,
		Provisional: true, // until keepState
		FS:          c.files,
		Logger:      c.logger,
	})
	if err != nil {
		return nil, err
	}
	c.logger.Info("history opened", "state", c.stateDir, "position", log.Head())
	rel := relay.New(log, relay.Options{
		MaxEventSize: int(s.MaxEventSize),
		Filter:       c.security.filter,
		OnDecision:   c.onDecision,
		OnRead:       c.opts.Trace.OnRead,
		OnAppend:     c.opts.Trace.OnAppend,
		Direct:       c.deliversFast,
		Deliver:      c.deliver,
		Logger:       c.logger,
	})
	opened := &capture{log: log, relay: rel, before: log.Head().Seq}
	if file != "" {
		opened.watcher, err = c.opts.Watch(file, s.Capture, rel, log.Created())
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return opened, nil
}

// onDecision passes a decision to the monitor and to Options.Trace.
func (c *components) onDecision(change relay.Change) {
	c.monitor.AddChange(change)
	if c.opts.Trace.OnDecision != nil {
		c.opts.Trace.OnDecision(change)
	}
}

func (c *capture) close() error {
	if c.log == nil {
		return nil
	}
	return c.log.Close()
}

// startCapture starts the appending of events and then the watcher. stop stops the watcher first, so that its last
// events are appended. A watcher that fails calls fail with its error.
func (c *components) startCapture(fail context.CancelCauseFunc) (stop func()) {
	if c.capture.log == nil {
		return func() {}
	}
	stopLog := c.start("journal", 0, c.capture.relay.Run, c.capture.log.KeepSynced)
	if c.capture.watcher == nil {
		return stopLog
	}
	stopWatch := c.start("watcher", 2*stopLimit, orFail(fail, c.capture.watcher.Run))
	return func() { stopWatch(); stopLog() }
}

const (
	// fewClients is the number of clients up to which the watcher's goroutine appends an event and lets the clients get
	// it before it reads the next one. That many take about 0.1 ms.
	fewClients = 32

	// fewInBurst is fewClients in a burst, in which a content is overwritten soon.
	fewInBurst = 4
)

// deliversFast reports whether a delivery is so short that the watcher's goroutine may wait for it.
func (c *components) deliversFast() bool {
	srv := c.public.handler.Server()
	return srv != nil && srv.Clients() <= fewClients
}

// deliver delivers new events to the clients, if there is a server. In a burst, more than fewInBurst clients get them
// from another goroutine.
func (c *components) deliver(burst bool) {
	srv := c.public.handler.Server()
	switch {
	case srv == nil:
	case burst && srv.Clients() > fewInBurst:
		srv.DeliverSoon()
	default:
		srv.Deliver()
	}
}

// hangCheckInterval is the time between two checks whether the watcher hangs at the start.
const hangCheckInterval = 100 * time.Millisecond

// waitReady waits until the contents from before the start are in the log. The error is ctx's, or wraps fileop.ErrHangs
// if the file system hangs.
func (c *capture) waitReady(ctx context.Context) error {
	if c.watcher == nil {
		return nil
	}
	tick := time.NewTicker(hangCheckInterval)
	defer tick.Stop()
	for {
		select {
		case <-c.watcher.Ready():
			return c.relay.Flush(ctx)
		case <-tick.C:
			if hangs := c.watcher.Status().Hangs; hangs != "" {
				return fmt.Errorf("%w: %s", fileop.ErrHangs, hangs)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// heartbeat returns the last time at which the watcher was known to run. A file system that hangs counts as running: a
// restart would only close the clients.
func (c *capture) heartbeat() time.Time {
	if c.watcher == nil {
		return time.Now()
	}
	status := c.watcher.Status()
	if status.Hangs != "" {
		return time.Now()
	}
	return status.Heartbeat
}
