package app

import (
	"context"
	"net"
	"time"

	"wpre-relay/relay/admin"
	"wpre-relay/relay/listener"
)

// startOperators lets operators look, if they may, until stop is called. They see the relay as not ready once stopping is
// closed. If their listener fails for good, it calls cancel with the error.
func (p *parts) startOperators(stopping <-chan struct{}, cancel context.CancelCauseFunc) (stop func()) {
	if p.operators == nil {
		return func() {}
	}
	health := p.health(stopping)
	handler := admin.New(health, p.monitor, admin.Options{
		Local:      isLoopback(p.operators.Addr()),
		Publishing: p.publishing(),
		Profiles:   p.settings.Pprof,
	})
	stop = start(
		func(ctx context.Context) { p.monitor.Run(ctx, health) },
		orCancel(cancel, func(ctx context.Context) error { return listener.Serve(ctx, p.operators, handler, p.logger) }),
	)
	p.logger.Info("operators look here", "url", listener.URL("http", p.operators.Addr()))
	return stop
}

// health returns what operators may ask about.
func (p *parts) health(stopping <-chan struct{}) admin.Health {
	health := admin.Health{
		Version:  p.opts.Version,
		Started:  time.Now(),
		Relay:    p.capture.relay,
		Server:   p.door.entrance.Server,
		Forward:  p.forward.Counts,
		Stopping: stopping,
	}
	if p.capture.watcher != nil {
		health.Watch = p.capture.watcher.Status
	}
	if p.shared != nil {
		health.Broker = p.shared.Status
	}
	return health
}

// publishing returns what takes events over HTTP, nil if nothing does.
func (p *parts) publishing() *admin.Publishing {
	s := p.settings
	if s.PublishToken == "" {
		return nil
	}
	return &admin.Publishing{Token: string(s.PublishToken), MaxSize: int(s.MaxEventSize), Publish: p.capture.relay.Publish}
}

// isLoopback reports whether only this machine reaches what listens at addr.
func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
