package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// shutdownGrace is how long requests in progress may take after the listener is closed.
const shutdownGrace = time.Second

// Serve answers HTTP requests on listener with handler until ctx ends, and then returns nil. Before it returns, it
// closes the listener and gives requests in progress one second to finish; upgraded connections continue. If the
// listener fails, Serve stops in the same way and returns the error; a Socket fails only if it is broken.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := newServer(handler, logger)
	paced := newPacedListener(countedListener{listener})
	pending := newPendingConns(pendingLimit(), maxPendingBytes, logger)
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		paced.connState(conn, state)
		pending.connState(conn, state)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(paced) }()
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
		handler.ServeHTTP(w, r)
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
