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

// door is where clients come in. Its methods are for one goroutine, but for the entrance's.
type door struct {
	listener net.Listener
	scheme   string
	entrance server.StartupHandler
	logger   *slog.Logger
	stop     func() // ends the answering; nil before open
}

// newDoor returns a door with the PROXY protocol, if that is set, and TLS. Connections wait in the kernel until it opens.
func newDoor(socket net.Listener, sec *security, proxyProtocol bool, logger *slog.Logger) *door {
	if proxyProtocol {
		socket = listener.ProxyProtocol(socket, sec.proxies)
	}
	socket, scheme := sec.tls.Wrap(socket)
	return &door{listener: socket, scheme: scheme, logger: logger}
}

// url returns where browsers find the door.
func (d *door) url() string { return listener.URL(d.scheme, d.listener.Addr()) }

// leadTo lets those who come through to a server. Before, they are asked to come again.
func (d *door) leadTo(server *server.Server) { d.entrance.Open(server) }

// open answers those who come. A door that is open stays so. With that the relay counts as started: a service manager that
// waited for a broker, too, would give up on what captures meanwhile.
// If its listener fails for good, it calls cancel with the error.
func (d *door) open(cancel context.CancelCauseFunc) {
	if d.stop == nil {
		d.stop = start(orCancel(cancel, func(ctx context.Context) error {
			return listener.Serve(ctx, d.listener, &d.entrance, d.logger)
		}))
		systemd.Ready()
	}
}

// close closes the door for good; once it returns, nobody is on the way in. It may be called again.
func (d *door) close() {
	if d.stop == nil {
		d.listener.Close()
		return
	}
	d.stop()
}

// listen takes both ports, or the sockets that systemd has opened in their place; operators is nil if that is off.
func listen(s config.Relay) (public, operators net.Listener, err error) {
	sockets, err := systemd.Sockets()
	if err != nil {
		return nil, nil, err
	}
	open := func(name, flag, address string) (net.Listener, error) {
		if socket := sockets[name]; socket != nil {
			return socket, listener.Adopt(socket)
		}
		return listener.Listen(flag, address)
	}
	if public, err = open("public", "--listen", s.Listen); err != nil {
		return nil, nil, err
	}
	if s.AdminListen == "off" {
		return public, nil, nil
	}
	if operators, err = open("admin", "--admin-listen", s.AdminListen); err != nil {
		return nil, nil, errors.Join(err, public.Close())
	}
	return public, operators, nil
}
