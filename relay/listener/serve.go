package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// shutdownGrace is how long requests in progress may take after the listener is closed.
const shutdownGrace = time.Second

// Options for Serve. The zero value works.
type Options struct {
	// DeliveryDue reports whether an event is due for connected clients, or is being sent to them. A handshake waits
	// meanwhile, at most a millisecond. It is called often. Default: never.
	DeliveryDue func() bool

	// Drop reports whether to close a new connection of this address without an answer. The address may be a proxy's;
	// it is invalid if the connection is not TCP. It is called for each connection, and must not block. Default: never.
	Drop func(peer netip.Addr) bool

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
	server := newServer(handler, opts.Logger)
	pending := newPendingConns(pendingLimit(), maxPendingBytes, opts.Logger)
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		counted(conn).connState(state)
		pending.connState(conn, state)
	}
	ordered := orderedListener{countedListener{listener}, newHandshakes(opts.DeliveryDue), opts.Drop}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ordered) }()
	var err error
	select {
	case <-ctx.Done():
		shutdown(ctx, server)
		err = <-ended
	case err = <-ended:
		shutdown(ctx, server)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", listener.Addr(), err)
}

// newServer returns an HTTP server with limits that suit requests without a body.
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           limitHeaderFields(handler),
		ConnContext:       withConn,
		ReadHeaderTimeout: 10 * time.Second, // a handshake has a few hundred bytes; includes the TLS handshake
		ReadTimeout:       10 * time.Second,
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

// shutdown closes the server's listener, waits up to shutdownGrace for requests in progress, and then closes their
// connections.
func shutdown(ctx context.Context, server *http.Server) {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
}
