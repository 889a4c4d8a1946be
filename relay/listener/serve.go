package listener

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// shutdownGrace is how long requests in progress may take after the listener is closed.
const shutdownGrace = time.Second

// requestTimeout is how long a client may take to send a request, including the TLS handshake. A WebSocket handshake
// has a few hundred bytes.
const requestTimeout = 10 * time.Second

// Options for Serve. The zero value works.
type Options struct {
	// DeliveryDue returns a channel if an event is due for connected clients, or is being sent to them, and nil
	// otherwise. Handshakes wait until the channel is closed, at most a millisecond, and then do not wait for
	// four. It is called often. Default: never.
	DeliveryDue func() (sent <-chan struct{})

	// Drop reports whether to close a new connection of this address without an answer. The address may be a proxy's;
	// it is invalid if the connection is not TCP. It is called for each connection, and must not block. On Linux, after
	// 100 such connections of a network in a second, the kernel ignores further ones until its end. Default: never.
	Drop func(peer netip.Addr) bool

	// HandshakesWait is set if the handler of a WebSocket handshake may wait, for the site or for a broker. Net/http then
	// serves all requests, and ends the context of a request whose client has disconnected. Default: false.
	HandshakesWait bool

	// Logger logs connections that are closed because of a limit. Default: slog.Default().
	Logger *slog.Logger
}

// Serve answers HTTP requests on listener with handler until ctx ends, and then returns nil. Before it returns, it
// closes the listener and gives requests in progress one second to finish; upgraded connections continue. If the
// listener fails, Serve stops in the same way and returns the error; a Socket fails only if it is broken.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, opts Options) error {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	pending := newPendingConns(pendingLimit(), maxPendingBytes, opts.Logger)
	handler = limitHeaderFields(handler)
	server := newServer(handler, opts.Logger)
	server.ConnState = func(conn net.Conn, state http.ConnState) { pending.setState(counted(conn), state) }
	others := newHandoffListener(listener.Addr())
	upgrades := newUpgradeServer(handler, pending, others, opts)
	ordered := orderedListener{countedListener{listener}, newHandshakes(opts.DeliveryDue), opts.Drop}
	accepted, served := make(chan error, 1), make(chan struct{})
	go upgrades.accept(ordered, accepted)
	go func() { defer close(served); server.Serve(others) }()
	var err error
	select {
	case <-ctx.Done():
		listener.Close()
		<-accepted
	case err = <-accepted:
		listener.Close()
		err = fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	shutdown(ctx, upgrades, server)
	<-served
	return err
}

// newServer returns an HTTP server with limits that suit requests without a body.
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ConnContext:       withConn,
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10, // enough for a site's cookies
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// limitHeaderFields returns a handler that rejects requests with too many header fields, and closes their connections.
func limitHeaderFields(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fields := 0
		for _, values := range r.Header {
			fields += len(values)
		}
		if fields > maxHeaderFields {
			w.Header().Set("Connection", "close")
			http.Error(w, "wpre-relay: too many header fields", http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		connOf(r.Context()).handle(handler, w, r)
	})
}

// shutdown waits up to shutdownGrace for requests in progress, and then closes their connections. The listener is
// closed.
func shutdown(ctx context.Context, upgrades *upgradeServer, server *http.Server) {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	upgrades.stop(grace)
	if server.Shutdown(grace) != nil {
		server.Close()
		upgrades.pending.each(func(c *countedConn) { c.Close() })
	}
}
