package app

import (
	"context"
	"errors"
	"os"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/eventlog"
)

// Watcher has a relay ingest what the event file says.
type Watcher interface {
	// Run watches the file until ctx ends, and then returns nil. Any error ends the relay, which returns it. It is called
	// once.
	Run(ctx context.Context) error

	// Ready is closed once Run has had ingested what was there before it.
	Ready() <-chan struct{}

	// Status returns how the watch stands now.
	Status() admin.Watch
}

// capture is what takes events in. All of it is nil where nothing is captured.
type capture struct {
	log     *eventlog.Log
	relay   *relay.Relay
	watcher Watcher // nil if nothing is watched
	before  uint64  // number of the newest record before it was started
}

// openCapture opens the log of what was captured, and what watches the file, if there is one to watch.
func (p *parts) openCapture(file string) (*capture, error) {
	s := p.settings
	if !s.Ingests() {
		if s.ResumeCookie { // which keeps something beside the log
			return new(capture), os.MkdirAll(p.state, 0o700)
		}
		return new(capture), nil
	}
	log, err := eventlog.Open(p.state, eventlog.Options{Records: s.History, Age: s.HistoryAge, Logger: p.logger})
	if err != nil {
		return nil, err
	}
	p.logger.Info("remembering what was sent", "state", p.state, "position", log.Head())
	rel := relay.New(log, relay.Options{
		MaxEventSize: int(s.MaxEventSize),
		Filter:       p.security.filter,
		Decided:      p.monitor.Decided,
		Logger:       p.logger,
	})
	c := &capture{log: log, relay: rel, before: log.Head().Seq}
	if file != "" {
		c.watcher, err = p.opts.Watch(file, s.Capture, rel, log.Created())
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
	stopWatch := start(orCancel(cancel, c.watcher.Run))
	return func() { stopWatch(); stopLog() }
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
	return c.watcher.Status().Heartbeat
}
