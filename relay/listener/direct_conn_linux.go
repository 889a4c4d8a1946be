package listener

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// errNotReady is the error of a read that would wait, if the connection must not.
var errNotReady = errors.New("nothing has arrived")

// directConn is a TCP connection that Go's poller does not know until a read or write must wait. A WebSocket handshake
// rarely waits: its request is there when the connection is accepted, and the response fits into the send buffer. Then
// fanout takes over the descriptor. So a handshake needs four system calls, in place of ten with package net.
type directConn struct {
	remote *net.TCPAddr
	flood  *synFilter // of the listener

	mu            sync.Mutex
	fd            int       // -1 once file has it, or it was detached or closed; guarded by mu
	file          *os.File  // of the connection that has waited; guarded by mu
	noWait        bool      // Read must not wait; guarded by mu
	readDeadline  time.Time // until file is set; guarded by mu
	writeDeadline time.Time // until file is set; guarded by mu
}

// SetNoWait sets whether Read returns errNotReady instead of waiting. It has no effect once the connection has waited.
func (c *directConn) SetNoWait(noWait bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noWait = noWait
}

// Read implements net.Conn.
func (c *directConn) Read(p []byte) (int, error) {
	n, file, err := c.readNow(p)
	if file != nil {
		n, err = file.Read(p)
	}
	return n, c.wrap("read", err)
}

// readNow reads the bytes that have arrived. If there are none, it returns the file to wait for and to read from.
func (c *directConn) readNow(p []byte) (n int, file *os.File, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if file, err = c.opened(c.readDeadline); file != nil || err != nil {
		return 0, file, err
	}
	n, err = transfer(unix.SYS_READ, c.fd, p)
	switch {
	case err == unix.EAGAIN && c.noWait:
		return 0, nil, errNotReady
	case err == unix.EAGAIN:
		return 0, c.wait(), nil
	case err == nil && n == 0 && len(p) > 0:
		return 0, nil, io.EOF
	}
	return n, nil, os.NewSyscallError("read", err)
}

// Write implements net.Conn.
func (c *directConn) Write(p []byte) (int, error) {
	n, file, err := c.writeNow(p)
	if file != nil {
		var more int
		more, err = file.Write(p[n:])
		n += more
	}
	return n, c.wrap("write", err)
}

// writeNow writes what the send buffer takes. It returns the file to write the rest to if it must wait.
func (c *directConn) writeNow(p []byte) (n int, file *os.File, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if file, err = c.opened(c.writeDeadline); file != nil || err != nil {
		return 0, file, err
	}
	n, err = transfer(unix.SYS_WRITE, c.fd, p)
	if err == unix.EAGAIN || err == nil && n < len(p) {
		return n, c.wait(), nil
	}
	return n, nil, os.NewSyscallError("write", err)
}

// opened returns the file if the connection has one, and an error if it is closed or the deadline is over. The caller
// holds mu.
func (c *directConn) opened(deadline time.Time) (*os.File, error) {
	switch {
	case c.file != nil:
		return c.file, nil
	case c.fd < 0:
		return nil, net.ErrClosed
	case !deadline.IsZero() && !time.Now().Before(deadline):
		return nil, os.ErrDeadlineExceeded
	}
	return nil, nil
}

// wait makes the connection known to Go's poller, and returns the file that can wait. The caller holds mu, and opened
// has returned nil.
func (c *directConn) wait() *os.File {
	c.file, c.fd = os.NewFile(uintptr(c.fd), "tcp"), -1
	c.file.SetReadDeadline(c.readDeadline)
	c.file.SetWriteDeadline(c.writeDeadline)
	return c.file
}

// wrap returns err as package net returns it. Net/http and crypto/tls rely on that: a timeout must be temporary.
func (c *directConn) wrap(op string, err error) error {
	if err == nil || err == io.EOF || err == errNotReady {
		return err
	}
	if of, ok := errors.AsType[*os.PathError](err); ok {
		err = of.Err
	}
	if errors.Is(err, os.ErrClosed) {
		err = net.ErrClosed
	}
	return &net.OpError{Op: op, Net: "tcp", Addr: c.remote, Err: err}
}

// Close implements net.Conn.
func (c *directConn) Close() error {
	if fd, ok := c.Detach(); ok {
		return c.wrap("close", os.NewSyscallError("close", unix.Close(fd)))
	}
	c.mu.Lock()
	file := c.file
	c.mu.Unlock()
	if file == nil {
		return c.wrap("close", net.ErrClosed)
	}
	return c.wrap("close", file.Close())
}

// SetDeadline implements net.Conn.
func (c *directConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *directConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil {
		return c.wrap("set", c.file.SetReadDeadline(t))
	}
	c.readDeadline = t
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *directConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil {
		return c.wrap("set", c.file.SetWriteDeadline(t))
	}
	c.writeDeadline = t
	return nil
}
