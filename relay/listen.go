package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// sendBuffer is what the kernel is asked to hold for one connection, in bytes; Linux takes twice that, which includes
// its own. An event of 192 KB, the largest title that WordPress saves, still leaves in one write. Left to itself the
// kernel holds megabytes for a client that does not read.
const sendBuffer = 128 << 10

// receiveBuffer is the same for what a client sends before it is read: a handshake at most, and of those who flood the
// relay nothing is read.
const receiveBuffer = 32 << 10

// Listen takes the address that was given with the flag. The error says what to do if another has it. What the
// kernel holds for each connection is bounded, and it sends no probes of its own: clients are pinged.
func Listen(flag, address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1, Control: boundBuffers}
	listener, err := config.Listen(context.Background(), "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another program (the recipe's Node server, another relay?) has it; stop that, or give another address with %s", err, flag)
	case err != nil:
		return nil, fmt.Errorf("%w (from %s)", err, flag)
	}
	return listener, nil
}

// Adopt has a listener that somebody else has opened hold no more than one of Listen.
func Adopt(listener net.Listener) error {
	socket, ok := listener.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%s is no socket", listener.Addr())
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	return boundBuffers("", "", raw)
}

// URL returns where a browser on this machine finds what listens at addr.
func URL(scheme string, addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}

// CheckLive asks the relay that listens at address, on this machine, whether it serves.
func CheckLive(ctx context.Context, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("the address to ask: %w", err)
	}
	if host == "" {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err = askLive(ctx, "http", net.JoinHostPort(host, port))
	if errors.Is(err, errNotLive) { // it may speak TLS; whose certificate is not the question
		if askLive(ctx, "https", net.JoinHostPort(host, port)) == nil {
			return nil
		}
	}
	return err
}

var errNotLive = errors.New("that is not a relay that serves")

// askLive asks for /livez. The error is errNotLive if there is another answer than it should be.
func askLive(ctx context.Context, scheme, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+"/livez", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %w", request.URL, response.Status, errNotLive)
	}
	return nil
}

// Serve answers HTTP requests on listener with handler until ctx ends. Then it closes the listener, gives the
// requests under way a second, and returns; connections that were upgraded go on. Those that are not are bounded, in
// number and time.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) {
	door := newDoorway(listener)
	strangers := newStrangers(maxStrangers(), logger)
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second, // a handshake is a few hundred bytes; of TLS, too
		ReadTimeout:       10 * time.Second, // nobody has a body to send
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       30 * time.Second,
		ConnState: func(conn net.Conn, state http.ConnState) {
			door.follow(conn, state)
			strangers.follow(conn, state)
		},
		MaxHeaderBytes: 16 << 10, // room for a site's cookies
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(door); !errors.Is(err, http.ErrServerClosed) {
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
