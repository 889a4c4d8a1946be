package natslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// oneServer bounds what one server may take to let a relay in, so that the next has its turn, or to take what is written.
const oneServer = 2 * time.Second

// parse returns the address of each server. Errors do not repeat it: a token is no less secret than a password.
func parse(address *url.URL) (servers []string, err error) {
	if address.Scheme != "nats" && address.Scheme != "tls" {
		return nil, errors.New("the address must begin with nats:// or tls://")
	}
	if strings.Trim(address.Path, "/") != "" || address.RawQuery != "" {
		return nil, errors.New("the address must end with the hosts")
	}
	for host := range strings.SplitSeq(address.Host, ",") {
		server := url.URL{Scheme: address.Scheme, User: address.User, Host: host}
		if server.Hostname() == "" {
			return nil, errors.New("the address lacks a host")
		}
		servers = append(servers, server.String())
	}
	return servers, nil
}

// options returns those of a connection that is given up when it is lost.
func options(servers []string) nats.Options {
	opts := nats.GetDefaultOptions()
	opts.Name = "wpre-relay"
	opts.Servers = servers
	opts.AllowReconnect = false
	opts.SkipHostLookup = true // the dialer does that, which ctx bounds
	opts.Timeout, opts.FlusherTimeout = oneServer, oneServer
	opts.PingInterval, opts.MaxPingsOut = beat, 2
	opts.AsyncErrorCB = func(*nats.Conn, *nats.Subscription, error) {} // it would print what LastError also tells
	return opts
}

// connected returns the connection, which is a new one if the last was lost.
func (e *Engine) connected(ctx context.Context) (jetstream.JetStream, error) {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if e.js != nil && !e.js.Conn().IsClosed() {
		return e.js, nil
	}
	conn, err := connect(ctx, e.opts)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	e.js, err = jetstream.New(conn)
	return e.js, err
}

// dial is a nats.CustomDialer.
type dial func(network, address string) (net.Conn, error)

func (d dial) Dial(network, address string) (net.Conn, error) { return d(network, address) }

// connect connects to one of the servers. When ctx ends, so does that.
func connect(ctx context.Context, opts nats.Options) (*nats.Conn, error) {
	var unreachable error // why the last was, which nats does not always say
	release := func() bool { return true }
	opts.CustomDialer = dial(func(network, address string) (net.Conn, error) {
		release()
		conn, err := (&net.Dialer{Timeout: oneServer}).DialContext(ctx, network, address)
		if err != nil {
			unreachable = err
			return nil, err
		}
		release = context.AfterFunc(ctx, func() { conn.Close() })
		return conn, nil
	})
	conn, err := opts.Connect()
	if !release() && err == nil {
		conn.Close()
		err = ctx.Err()
	}
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, nats.ErrNoServers) && unreachable != nil:
		return nil, unreachable
	default:
		return nil, err
	}
}
