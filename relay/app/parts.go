package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"wpre-relay/relay/admin"
	"wpre-relay/relay/config"
	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/broker"
	"wpre-relay/relay/webhook"
)

// parts are what a relay is made of, opened for one history.
type parts struct {
	settings config.Relay
	opts     Options
	logger   *slog.Logger

	state     string // the folder for what is remembered
	security  *security
	monitor   *admin.Monitor
	capture   *capture
	shared    *sharedlog.Stream // nil if the history is this relay's own
	door      *door
	operators net.Listener  // nil if they may look nowhere
	forward   *webhook.Hook // nil if nothing is forwarded
}

// openParts opens what the relay needs of the machine. If that fails, what was opened is closed.
func openParts(settings config.Relay, opts Options) (*parts, error) {
	p := &parts{settings: settings, opts: opts, logger: opts.Logger, monitor: admin.NewMonitor()}
	if err := p.open(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// open opens what is remembered before the ports, and these before the file is read: what is read counts as sent.
func (p *parts) open() (err error) {
	file, err := p.locate()
	if err != nil {
		return err
	}
	if p.security, err = openSecurity(p.settings.Security, p.state, p.logger); err != nil {
		return err
	}
	if p.capture, err = p.openCapture(file); err != nil {
		return err
	}
	if p.shared, err = p.openShared(); err != nil {
		return err
	}
	public, operators, err := listen(p.settings)
	if err != nil {
		return err
	}
	p.door, p.operators = newDoor(public, p.security, p.settings.ProxyProtocol, p.logger), operators
	p.forward = webhook.New(p.settings.ForwardURL, p.logger)
	return nil
}

// close closes what is not closed by its own end.
func (p *parts) close() error {
	if p.shared != nil {
		p.shared.Close()
	}
	var errs []error
	if p.security != nil {
		errs = append(errs, p.security.close())
	}
	if p.capture != nil {
		errs = append(errs, p.capture.close())
	}
	return errors.Join(errs...)
}

// locate finds the folder for what is remembered, and the file to watch, "" if none is to be.
func (p *parts) locate() (file string, err error) {
	s := p.settings
	if s.Watch == "" {
		p.state, err = s.StatePath("/" + s.Role() + "/")
		return "", err
	}
	file, sure, err := p.opts.Locate(s.Watch)
	if err != nil {
		return "", err
	}
	if !sure {
		p.logger.Warn("nothing tells what --watch is; taking it for WordPress's root", "watch", s.Watch, "file", file)
	}
	p.state, err = s.StatePath(file)
	return file, err
}

// openShared returns this relay's part in a history that it shares with others, nil if it shares none.
func (p *parts) openShared() (*sharedlog.Stream, error) {
	s := p.settings
	if s.Broker == nil {
		return nil, nil
	}
	engine, err := broker.Open(s.Broker, s.History)
	if err != nil {
		return nil, err
	}
	shared, err := sharedlog.Open(engine, p.capture.log, sharedlog.Options{Records: s.History, Age: s.HistoryAge, Logger: p.logger})
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	p.logger.Info("sharing the history with other relays", "broker", s.Broker.Scheme+"://"+s.Broker.Host, "captures", p.capture.log != nil)
	return shared, nil
}

// orCancel returns a function for start that runs function, and calls cancel with its error, if any.
func orCancel(cancel context.CancelCauseFunc, function func(context.Context) error) func(context.Context) {
	return func(ctx context.Context) {
		if err := function(ctx); err != nil {
			cancel(err)
		}
	}
}

// start runs functions side by side. The one that it returns ends them and waits until they are done; it may be called again.
func start(functions ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, function := range functions {
		running.Go(func() { function(ctx) })
	}
	return func() { cancel(); running.Wait() }
}
