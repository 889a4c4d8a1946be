package kafkalog_test

import (
	"net"
	"sync"
)

// faultyListener is the listener of a broker. It can close its connections, or delay what clients send.
type faultyListener struct {
	net.Listener
	delayed chan struct{} // gets an element when data is delayed

	mu       sync.Mutex
	conns    []net.Conn    // guarded by mu
	closed   bool          // all connections are closed, also new ones; guarded by mu
	released chan struct{} // closed while data is not delayed; guarded by mu
}

func newFaultyListener() *faultyListener {
	l := &faultyListener{delayed: make(chan struct{}, 1), released: make(chan struct{})}
	close(l.released)
	return l
}

// listen implements kfake.ListenFn.
func (l *faultyListener) listen(network, address string) (listener net.Listener, err error) {
	l.Listener, err = net.Listen(network, address)
	return l, err
}

// disconnect closes all connections, and new ones until restore.
func (l *faultyListener) disconnect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, conn := range l.conns {
		conn.Close()
	}
}

// delay delays everything that clients send until restore.
func (l *faultyListener) delay() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = make(chan struct{})
}

// restore ends disconnect and delay. The broker then receives the delayed data.
func (l *faultyListener) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = false
	select {
	case <-l.released:
	default:
		close(l.released)
	}
}

func (l *faultyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	if l.closed {
		conn.Close()
	}
	return &faultyConn{Conn: conn, listener: l}, nil
}

// faultyConn is the broker's end of a connection.
type faultyConn struct {
	net.Conn
	listener *faultyListener
}

// Read returns received data once it is not delayed.
func (c *faultyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.listener.mu.Lock()
	released := c.listener.released
	c.listener.mu.Unlock()
	select {
	case <-released:
		return n, err
	default:
	}
	if n > 0 {
		select {
		case c.listener.delayed <- struct{}{}:
		default:
		}
	}
	<-released
	return n, err
}
