package natslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// serverTimeout bounds connecting to one server, so that there is time for the next one, and each write to a
	// server.
	serverTimeout = 2 * time.Second

	// maxLearned bounds the servers that are learned. A cluster of JetStream usually has 3 or 5.
	maxLearned = 16
)

// parse returns the address of each server. Its errors do not repeat the address, because it may contain a password
// or a token.
func parse(address *url.URL) (servers []string, err error) {
	if address.Scheme != "nats" && address.Scheme != "tls" {
		return nil, errors.New("address must start with nats:// or tls://")
	}
	if strings.Trim(address.Path, "/") != "" || address.RawQuery != "" {
		return nil, errors.New("address must end after the hosts; the only parameters are stream and replicas")
	}
	for host := range strings.SplitSeq(address.Host, ",") {
		server := url.URL{Scheme: address.Scheme, User: address.User, Host: host}
		if server.Hostname() == "" {
			return nil, errors.New("address lacks a host")
		}
		servers = append(servers, server.String())
	}
	return servers, nil
}

// connectionOptions returns the options of a connection that does not reconnect by itself.
func connectionOptions(servers []string) nats.Options {
	opts := nats.GetDefaultOptions()
	opts.Name = "wpre-relay"
	opts.Servers = servers
	opts.AllowReconnect = false
	opts.SkipHostLookup = true // the dialer resolves names, bounded by a context
	opts.Timeout, opts.FlusherTimeout = serverTimeout, serverTimeout
	opts.PingInterval, opts.MaxPingsOut = heartbeat, 2
	// The default callback prints errors that LastError returns as well.
	opts.AsyncErrorCB = func(*nats.Conn, *nats.Subscription, error) {}
	return opts
}

// connection returns the current connection, or a new one if the last was lost.
func (e *Engine) connection(ctx context.Context) (jetstream.JetStream, error) {
	select {
	case e.lock <- struct{}{}:
		defer func() { <-e.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if e.js != nil && !e.js.Conn().IsClosed() {
		return e.js, nil
	}
	if e.js != nil {
		e.learn(e.js.Conn())
	}
	opts := e.opts
	opts.Servers = append(slices.Clone(opts.Servers), e.learned...)
	conn, err := connect(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	e.learn(conn)
	e.js, err = jetstream.New(conn)
	return e.js, err
}

// learn remembers the servers of the cluster that a connection has discovered, at most maxLearned. It forgets the
// servers of the previous connection, because a server may have left the cluster. The caller holds e.lock.
func (e *Engine) learn(conn *nats.Conn) {
	var learned []string
	for _, server := range conn.DiscoveredServers() {
		at, err := url.Parse(server)
		if err != nil || len(learned) == maxLearned {
			continue
		}
		at.User = e.user
		learned = append(learned, at.String())
	}
	if len(learned) > 0 {
		e.learned = learned
	}
}

// dialer implements nats.CustomDialer.
type dialer func(network, address string) (net.Conn, error)

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) { return d(network, address) }

// connect connects to the first server that answers. It returns early when ctx ends.
func connect(ctx context.Context, opts nats.Options) (*nats.Conn, error) {
	var dialErr error // why the last server is unreachable, which nats does not always return
	release := func() bool { return true }
	opts.CustomDialer = dialer(func(network, address string) (net.Conn, error) {
		release()
		conn, err := (&net.Dialer{Timeout: serverTimeout}).DialContext(ctx, network, address)
		if err != nil {
			dialErr = err
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
	case errors.Is(err, nats.ErrNoServers) && dialErr != nil:
		return nil, dialErr
	default:
		return nil, err
	}
}
