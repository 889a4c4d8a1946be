package app

import (
	"context"
	"errors"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/eventlog"
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
		Logger:      c.logger,
	})
	if err != nil {
		return nil, err
	}
	c.logger.Info("history opened", "state", c.stateDir, "position", log.Head())
	rel := relay.New(log, relay.Options{
		MaxEventSize: int(s.MaxEventSize),
		Filter:       c.security.filter,
		OnDecision:   c.monitor.AddChange,
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

func (c *capture) close() error {
	if c.log == nil {
		return nil
	}
	return c.log.Close()
}

// start starts the appending of events and then the watcher. stop stops the watcher first, so that its last events
// are appended. A watcher that fails calls fail with its error.
func (c *capture) start(fail context.CancelCauseFunc) (stop func()) {
	if c.log == nil {
		return func() {}
	}
	stopLog := start(c.relay.Run, c.log.KeepSynced)
	if c.watcher == nil {
		return stopLog
	}
	stopWatch := start(orFail(fail, c.watcher.Run))
	return func() { stopWatch(); stopLog() }
}

// waitReady waits until the contents from before the start are in the log. It returns false if ctx ends first.
func (c *capture) waitReady(ctx context.Context) bool {
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

// heartbeat returns the last time at which the watcher was known to run.
func (c *capture) heartbeat() time.Time {
	if c.watcher == nil {
		return time.Now()
	}
	return c.watcher.Status().Heartbeat
}
