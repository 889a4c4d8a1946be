package app

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"wpre-relay/relay/config"
	"wpre-relay/relay/listener"
	"wpre-relay/relay/server"
	"wpre-relay/relay/systemd"
)

// publicListener accepts clients. One goroutine calls its methods, except check; the handler is called concurrently.
type publicListener struct {
	inner   *listener.Socket // below the PROXY protocol and TLS
	proxies *listener.ProxyProtocol
	socket  net.Listener
	scheme  string
	handler server.StartupHandler
	logger  *slog.Logger
	stop    func() // stops serving; nil before serve

	handshakesWait bool // see listener.Options
}

// newPublicListener adds TLS and the PROXY protocol to the socket, if they are set. Connections wait in the
// kernel's backlog until serve is called.
func newPublicListener(
	inner *listener.Socket, sec *security, proxyProtocol bool, logger *slog.Logger,
) *publicListener {
	proxies := listener.NewProxyProtocol(proxyProtocol, sec.proxies, logger)
	socket, scheme := sec.tls.Wrap(proxies.Wrap(inner))
	return &publicListener{inner: inner, proxies: proxies, socket: socket, scheme: scheme, logger: logger}
}

// url returns the URL for clients on this machine.
func (l *publicListener) url() string { return listener.URL(l.scheme, l.socket.Addr()) }

// attach passes all further requests to srv. Requests before that get 503.
func (l *publicListener) attach(srv *server.Server) { l.handler.SetServer(srv) }

// serve starts to answer requests; a second call has no effect. It calls fail if the socket fails for good. From
// now on the service manager counts the relay as started: if it had to wait for a broker too, it would kill a relay
// that captures events meanwhile.
func (l *publicListener) serve(fail context.CancelCauseFunc) {
	if l.stop != nil {
		return
	}
	g := &group{logger: l.logger}
	opts := listener.Options{
		DeliveryDue:    l.handler.DeliveryDue,
		Drop:           l.handler.DropsConnection,
		HandshakesWait: l.handshakesWait,
		Logger:         l.logger,
	}
	l.stop = g.start("listener", 2*stopLimit, orFail(fail, func(ctx context.Context) error {
		return listener.Serve(ctx, l.socket, &l.handler, opts)
	}))
	systemd.Ready()
}

// close closes the socket. When it returns, no handshake is in progress. A second call has no effect.
func (l *publicListener) close() {
	if l.stop == nil {
		l.socket.Close()
		return
	}
	l.stop()
}

// openListeners listens on both addresses, or takes the sockets that systemd has opened for them. admin is nil if
// --admin-listen is off.
func openListeners(s config.Relay, logger *slog.Logger) (public, admin *listener.Socket, err error) {
	sockets, err := systemd.Sockets()
	if err != nil {
		return nil, nil, err
	}
	open := func(name, flag, address string) (*listener.Socket, error) {
		if socket := sockets[name]; socket != nil {
			return listener.Adopt(socket, logger)
		}
		return listener.Listen(flag, address, logger)
	}
	if public, err = open("public", "--listen", s.Listen); err != nil {
		return nil, nil, err
	}
	if s.AdminListen == config.Off {
		return public, nil, nil
	}
	if admin, err = open("admin", "--admin-listen", s.AdminListen); err != nil {
		return nil, nil, errors.Join(err, public.Close())
	}
	return public, admin, nil
}
