package kafkalog_test

import (
	"net"
	"sync"
)

// wire is a listener whose connections can be harmed.
type wire struct {
	net.Listener
	unheard chan struct{} // is sent to when something was said that is not heard

	mu    sync.Mutex
	conns []net.Conn    // guarded by mu
	gone  bool          // connections are cut; guarded by mu
	heard chan struct{} // closed while what is said is heard; guarded by mu
}

func newWire() *wire {
	w := &wire{unheard: make(chan struct{}, 1), heard: make(chan struct{})}
	close(w.heard)
	return w
}

func (w *wire) listen(network, address string) (listener net.Listener, err error) {
	w.Listener, err = net.Listen(network, address)
	return w, err
}

// cut ends all connections, and those that come.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
	for _, conn := range w.conns {
		conn.Close()
	}
}

// hush has the broker hear nothing of what is said.
func (w *wire) hush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = make(chan struct{})
}

// mend has all be well again; what was not heard is heard now.
func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = false
	select {
	case <-w.heard:
	default:
		close(w.heard)
	}
}

func (w *wire) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, conn)
	if w.gone {
		conn.Close()
	}
	return &end{Conn: conn, wire: w}, nil
}

// end is the broker's end of a connection.
type end struct {
	net.Conn
	wire *wire
}

// Read reads what is heard.
func (e *end) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	e.wire.mu.Lock()
	heard := e.wire.heard
	e.wire.mu.Unlock()
	select {
	case <-heard:
		return n, err
	default:
	}
	if n > 0 {
		select {
		case e.wire.unheard <- struct{}{}:
		default:
		}
	}
	<-heard
	return n, err
}
