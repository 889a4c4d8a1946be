package app

import (
	"context"
	"net"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/listener"
)

// startAdmin serves operators until stop is called. It reports the relay as not ready once stopping is closed. It
// calls fail if the socket fails for good.
func (c *components) startAdmin(stopping <-chan struct{}, fail context.CancelCauseFunc) (stop func()) {
	if c.admin == nil {
		return func() {}
	}
	health := c.health(stopping)
	handler := admin.New(health, c.monitor, admin.Options{
		LocalOnly:  loopbackPort(c.admin.Addr()) != 0,
		Publishing: c.publishing(),
		Profiles:   c.settings.Pprof,
		Settings:   c.opts.Settings,
		Check:      c.opts.Check,
	})
	stop = c.start("admin listener", stopLimit,
		func(ctx context.Context) { c.monitor.Run(ctx, health) },
		orFail(fail, func(ctx context.Context) error {
			return listener.Serve(ctx, c.admin, handler, listener.Options{Logger: c.logger})
		}),
	)
	c.logger.Info("admin listening", "url", listener.URL("http", c.admin.Addr()))
	return stop
}

// health returns the sources of the status that operators see.
func (c *components) health(stopping <-chan struct{}) admin.Health {
	health := admin.Health{
		Version:    c.opts.Version,
		Started:    time.Now(),
		Relay:      c.capture.relay,
		Server:     c.public.handler.Server,
		Forward:    c.forward.Counts,
		LogDropped: c.opts.LogDropped,
		Accepting:  c.accepting,
		Hangs:      c.stateHangs,
		Files:      c.failures,
		Proxies:    c.public.proxies.Counts,
		StateDir:   c.stateDir,
		Stopping:   stopping,
	}
	if c.capture.watcher != nil {
		health.Watch = c.capture.watcher.Status
	}
	if c.shared != nil {
		health.Broker = c.shared.Status
	}
	return health
}

// publishing returns the handler for POST /publish, or nil without --publish-token.
func (c *components) publishing() *admin.Publishing {
	s := c.settings
	if s.PublishToken == "" {
		return nil
	}
	return &admin.Publishing{
		Token:   string(s.PublishToken),
		MaxSize: int(s.MaxEventSize),
		Buffers: admin.PublishBuffers(int(s.MaxEventSize)),
		Publish: c.publish,
	}
}

// publish appends an event. The publisher learns that it is in the journal, so the journal is kept from then on.
func (c *components) publish(ctx context.Context, document []byte) (relay.Decision, error) {
	if err := c.stateHangs(); err != nil { // each request would wait in a system call
		return "", err
	}
	decision, err := c.capture.relay.Publish(ctx, document)
	if err == nil {
		c.capture.log.Confirm()
	}
	return decision, err
}

// loopbackPort returns the port of a listener at addr if only this machine can reach it, and otherwise 0.
func loopbackPort(addr net.Addr) int {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return 0
	}
	return tcp.Port
}
