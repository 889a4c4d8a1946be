// Package listener opens the sockets that clients and operators connect to, and serves HTTP on them within bounds: how fast
// connections are accepted, how many may be pending, and how much the kernel buffers for each. It knows no routes.
package listener

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
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
