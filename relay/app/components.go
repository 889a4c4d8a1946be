package app

import (
	"errors"

	"wpre-relay/relay/admin"
	"wpre-relay/relay/config"
	"wpre-relay/relay/durable"
	"wpre-relay/relay/listener"
	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/broker"
	"wpre-relay/relay/webhook"
)

// components are the parts of a relay, opened for one history.
type components struct {
	group
	settings config.Relay
	opts     Options

	stateDir string
	failures *admin.FileFailures
	files    durable.FS     // of the state directory; reports to failures
	locating <-chan located // gets the result of a lookup of the event file that hangs; nil if none does
	assumed  string         // the event file until then
	security *security
	monitor  *admin.Monitor
	capture  *capture
	shared   *sharedlog.Stream // nil without a broker
	public   *publicListener
	admin    *listener.Socket // nil if --admin-listen is off
	forward  *webhook.Hook    // nil without --forward-url
}

// newComponents returns components that are not opened.
func newComponents(settings config.Relay, opts Options) *components {
	failures := admin.NewFileFailures(opts.Logger)
	return &components{
		group:    group{logger: opts.Logger},
		settings: settings,
		opts:     opts,
		failures: failures,
		files:    durable.Observe(durable.OS, failures.Add),
		monitor:  admin.NewMonitor(),
	}
}

// open opens files and sockets. If it fails, the caller closes the ones that are open. It opens the log before the
// listeners, and these before anything reads the event file: once the file is read, its event counts as sent.
func (c *components) open() (err error) {
	file, err := c.locate()
	if err != nil {
		return err
	}
	if c.security, err = openSecurity(c.settings.Security, c.files, c.stateDir, c.logger); err != nil {
		return err
	}
	if c.capture, err = c.openCapture(file); err != nil {
		return err
	}
	if c.shared, err = c.openShared(); err != nil {
		return err
	}
	public, admin, err := openListeners(c.settings, c.logger)
	if err != nil {
		return err
	}
	c.public, c.admin = newPublicListener(public, c.security, c.settings.ProxyProtocol, c.logger), admin
	c.public.handler.Live = c.accepting
	c.public.handshakesWait = c.settings.AuthURL != nil || c.settings.Broker != nil
	c.forward = webhook.New(c.settings.ForwardURL, c.logger)
	return nil
}

// close releases the resources that run does not release.
func (c *components) close() error {
	var errs []error
	if c.capture != nil { // first, so that nothing else keeps the journal from a clean end
		c.wait("journal", 0, func() { errs = append(errs, c.capture.close()) })
	}
	if c.shared != nil {
		c.wait("broker connection", stopLimit, func() { c.shared.Close() })
	}
	if c.security != nil {
		errs = append(errs, c.security.close())
	}
	return errors.Join(errs...)
}

// keepState keeps the state of a first start. Until then, a start that fails leaves no trace: the next one is a first
// start, too, and does not take the events that exist for events that happened while no relay was running.
func (c *components) keepState() error {
	switch {
	case c.capture.log != nil:
		c.capture.log.Confirm()
	case c.settings.ResumeCookie: // the sessions are stored in the state directory, without a log
		return durable.MkdirAll(c.files, c.stateDir, 0o700)
	}
	return nil
}

// locate sets the state directory, and returns the file to watch, or "" if there is none.
func (c *components) locate() (file string, err error) {
	s := c.settings
	if s.Watch == "" {
		c.stateDir, err = s.StatePath("/" + s.Role() + "/")
		return "", err
	}
	found, err := c.lookUp(s.Watch)
	if err != nil {
		return "", err
	}
	if found.doubt != "" {
		c.logger.Warn("the event file may be another one", "reason", found.doubt, "watch", s.Watch, "file", found.file)
	}
	c.stateDir, err = s.StatePath(found.file)
	return found.file, err
}

// openShared returns the broker's stream, or nil without a broker.
func (c *components) openShared() (*sharedlog.Stream, error) {
	s := c.settings
	if s.Broker == nil {
		return nil, nil
	}
	engine, err := broker.Open(s.Broker, s.History)
	if err != nil {
		return nil, err
	}
	options := sharedlog.Options{Records: s.History, Age: s.HistoryAge, FS: c.files, Logger: c.logger}
	shared, err := sharedlog.Open(engine, c.capture.log, options)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	c.logger.Info("sharing history through broker", "broker", s.Broker.Scheme+"://"+s.Broker.Host,
		"captures", c.capture.log != nil)
	return shared, nil
}
