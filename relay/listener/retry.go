package listener

import (
	"errors"
	"net"
	"slices"
	"syscall"
	"time"
)

const (
	// minBackoff and maxBackoff are the first and the longest wait after a transient accept error, as in net/http.
	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second
)

// transientErrors are the errors of accept(2) after which the listener still works. On Linux, accept also reports
// network errors that concern only the new connection. Windows has different error numbers: there, net/http retries.
var transientErrors = []error{
	syscall.EMFILE,  // too many open files in the process
	syscall.ENFILE,  // too many open files in the system
	syscall.ENOBUFS, // no memory for socket buffers
	syscall.ENOMEM,
	syscall.EINTR,
	syscall.ECONNABORTED, // the client closed the connection before it was accepted
	syscall.ECONNRESET,
	syscall.EPROTO,
	syscall.ETIMEDOUT,
	syscall.ENETDOWN,
	syscall.ENETUNREACH,
	syscall.EHOSTDOWN,
	syscall.EHOSTUNREACH,
}

func isTransient(err error) bool {
	return slices.ContainsFunc(transientErrors, func(transient error) bool { return errors.Is(err, transient) })
}

// acceptWithRetry accepts one connection. After a transient error it waits and tries again, until the listener is
// closed.
func (p *pacedListener) acceptWithRetry() (net.Conn, error) {
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		conn, err := p.Listener.Accept()
		if err == nil || !isTransient(err) {
			return conn, err
		}
		if n, due := p.throttle.Count(); due {
			p.logger.Warn("accept failed, retrying", "addr", p.Addr().String(), "error", err, "times", n)
		}
		select {
		case <-time.After(backoff):
		case <-p.closed:
			return nil, net.ErrClosed
		}
	}
}
