package listener

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Serve answers HTTP requests on listener with handler until ctx ends. Then it closes the listener, gives the
// requests under way a second, and returns; connections that were upgraded go on. Those that are not are bounded, in
// number and time.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) {
	paced := newPacedListener(listener)
	pending := newPendingConns(pendingLimit(), logger)
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second, // a handshake is a few hundred bytes; of TLS, too
		ReadTimeout:       10 * time.Second, // nobody has a body to send
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       30 * time.Second,
		ConnState: func(conn net.Conn, state http.ConnState) {
			paced.connState(conn, state)
			pending.connState(conn, state)
		},
		MaxHeaderBytes: 16 << 10, // room for a site's cookies
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(paced); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the listener failed", "address", listener.Addr().String(), "error", err)
		}
	}()
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	<-ended
}
