package listener_test

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

var quiet = slog.New(slog.DiscardHandler)

// fakeListener returns scripted errors from Accept, then the connections that dial creates.
type fakeListener struct {
	errs      []error // used by Accept only
	conns     chan net.Conn
	closeOnce sync.Once
	closed    chan struct{}
}

func newFakeListener(errs ...error) *fakeListener {
	return &fakeListener{errs: errs, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// acceptError returns an error as net.TCPListener returns it.
func acceptError(errno syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: errno}
}

func (l *fakeListener) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, err
	}
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *fakeListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return nil
}

func (l *fakeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// dial returns the client's end of a new connection, once the listener has accepted it.
func (l *fakeListener) dial() (net.Conn, error) { return l.dialFrom(netip.MustParseAddr("192.0.2.1")) }

// dialFrom is dial from an address.
func (l *fakeListener) dialFrom(from netip.Addr) (net.Conn, error) {
	server, client := net.Pipe()
	select {
	case l.conns <- addressedConn{server, from}:
		return client, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	}
}

// dialWith is dial by a client whose first bytes arrive with the connection.
func (l *fakeListener) dialWith(first string) (net.Conn, error) {
	server, client := net.Pipe()
	select {
	case l.conns <- &arrivedConn{Conn: addressedConn{server, netip.MustParseAddr("192.0.2.1")}, first: first}:
		return client, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	}
}

// arrivedConn is a connection whose first bytes have arrived. One goroutine reads it.
type arrivedConn struct {
	net.Conn
	first  string
	noWait bool
}

func (c *arrivedConn) SetNoWait(noWait bool) { c.noWait = noWait }

func (c *arrivedConn) Read(p []byte) (int, error) {
	switch {
	case c.first != "":
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	case c.noWait:
		return 0, errors.New("nothing has arrived")
	}
	return c.Conn.Read(p)
}

// addressedConn is a connection from an address.
type addressedConn struct {
	net.Conn
	from netip.Addr
}

func (c addressedConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 1))
}
