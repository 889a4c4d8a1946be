// Package listener opens the sockets that clients and operators connect to, adds the PROXY protocol and TLS, and
// serves HTTP on them. It limits the handshakes in progress, the number of pending connections and the kernel's
// buffers. It knows no routes and does not decide who may connect.
package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"syscall"
)

const (
	// sendBuffer is the requested size of a socket's send buffer, in bytes. Linux doubles it to make room for its own
	// bookkeeping. An event of 192 KB, with the largest title that WordPress saves, still leaves in one write. By
	// default, the kernel buffers megabytes for a client that does not read.
	sendBuffer = 128 << 10

	// receiveBuffer is the requested size of a socket's receive buffer, in bytes. A client sends little more than a
	// handshake, and the relay stops reading from a client that floods it.
	receiveBuffer = 32 << 10
)

// Listen opens a TCP listener at address, which the operator set with the given flag. It limits the kernel's buffers
// for each connection and turns off Multipath TCP, and TCP keep-alive, since the server pings clients itself. The error
// says how to choose another address if this one is in use.
func Listen(flag, address string, logger *slog.Logger) (*Socket, error) {
	config := net.ListenConfig{KeepAlive: -1, Control: limitBuffers}
	config.SetMultipathTCP(false) // it has no synFilter
	listener, err := config.Listen(context.Background(), "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another program uses it (the recipe's Node server, another relay?); "+
			"stop that program, or choose another address with %s", err, flag)
	case err != nil:
		return nil, fmt.Errorf("%w (from %s)", err, flag)
	}
	return NewSocket(listener, logger), nil
}

// Adopt returns a listener that another process has opened, with the same limits as Listen.
func Adopt(listener net.Listener, logger *slog.Logger) (*Socket, error) {
	socket, ok := listener.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("adopt listener %s: it is not a socket", listener.Addr())
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := limitBuffers("", "", raw); err != nil {
		return nil, err
	}
	return NewSocket(listener, logger), nil
}

// URL returns the URL at which a browser on this machine reaches a listener with the address addr.
func URL(scheme string, addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip, invalid := netip.ParseAddr(host); err != nil || invalid != nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return (&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: "/"}).String() // escapes a zone
}
