package app

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// acceptCheckInterval is the time between two checks of the listeners.
const acceptCheckInterval = time.Second

// socketCheck is a listener and its check; see listener.Socket.Check.
type socketCheck struct {
	flag  string // that sets the listener's address
	check func() error
}

// socketChecks returns the checks of all listeners.
func (c *components) socketChecks() []socketCheck {
	checks := []socketCheck{{"--listen", c.public.inner.Check}, {"--acme-listen", c.security.tls.Check}}
	if c.admin != nil {
		checks = append(checks, socketCheck{"--admin-listen", c.admin.Check})
	}
	return checks
}

// accepting returns why a listener accepts no connections, or nil if all do. It may be called concurrently.
func (c *components) accepting() error {
	var errs []error
	for _, s := range c.socketChecks() {
		if err := s.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.flag, err))
		}
	}
	return errors.Join(errs...)
}

// checkListeners checks the listeners regularly until ctx ends, and logs when one stops or begins to accept.
func (c *components) checkListeners(ctx context.Context) {
	tick := time.NewTicker(acceptCheckInterval)
	defer tick.Stop()
	deaf := make(map[string]bool)
	for {
		for _, s := range c.socketChecks() {
			err := s.check()
			switch {
			case err != nil && !deaf[s.flag]:
				c.logger.Error("listener accepts no connections", "listener", s.flag, "error", err)
			case err == nil && deaf[s.flag]:
				c.logger.Info("listener accepts connections again", "listener", s.flag)
			}
			deaf[s.flag] = err != nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// alive returns the time to which the relay is known to work, for the service manager's watchdog. While the state
// directory hangs, the watcher may wait for it; a restart would only close the clients.
func (c *components) alive() time.Time {
	switch {
	case c.accepting() != nil:
		return time.Time{}
	case c.stateHangs() != nil:
		return time.Now()
	}
	return c.capture.heartbeat()
}
