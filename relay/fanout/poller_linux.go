package fanout

import (
	"cmp"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pollBatch is the number of clients read after one wait.
	pollBatch = 64

	// pollWork is how long a batch may take without a pause after it. pollPause is the length of the pause, in
	// units of the time of the batch. So a flood of messages leaves two thirds of a CPU for sending.
	pollWork  = 200 * time.Microsecond
	pollPause = 2
)

// readEvents are the events of a client that wake the poller.
const readEvents = unix.EPOLLIN | unix.EPOLLRDHUP

// poller reads from the clients that have sent something. It is one goroutine for all clients, so a silent client
// has none. It also wakes the goroutines that wait for a full socket. It is an epoll(7) instance, and Go's runtime
// waits for it like for a socket. The nil poller has no client.
type poller struct {
	epoll  *os.File
	conn   syscall.RawConn // of epoll
	reader *transfer       // used by run

	mu      sync.Mutex
	clients map[int32]*client       // by pollID; guarded by mu
	writers map[int32]chan struct{} // by pollID: closed when the socket is writable; guarded by mu
	lastID  int32                   // guarded by mu
}

// newPoller returns nil if the system refuses an epoll instance.
func newPoller() *poller {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else os.NewFile does not let the runtime wait for it
		unix.Close(fd)
		return nil
	}
	p := &poller{
		epoll:   os.NewFile(uintptr(fd), "epoll"),
		reader:  newReader(),
		clients: make(map[int32]*client),
		writers: make(map[int32]chan struct{}),
	}
	p.conn, _ = p.epoll.SyscallConn()
	return p
}

// add starts reading from c. It reports false if it cannot.
func (p *poller) add(c *client) bool {
	if p == nil || !c.conn.direct.ok() && c.conn.tls == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	id := p.lastID + 1
	for id <= 0 || p.clients[id] != nil { // after an overflow
		id = max(1, id+1)
	}
	if p.control(c, unix.EPOLL_CTL_ADD, id, readEvents) != nil {
		return false
	}
	p.lastID, c.pollID = id, id
	p.clients[id] = c
	return true
}

// remove stops reading from c, and ends awaitWritable. It must be called before the connection is closed.
func (p *poller) remove(c *client) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients[c.pollID] == c {
		p.wake(c.pollID)
		delete(p.clients, c.pollID)
		p.control(c, unix.EPOLL_CTL_DEL, c.pollID, 0)
	}
}

// control changes which events of c's connection epoll reports, with id. It fails if the connection is closed.
func (p *poller) control(c *client, op int, id int32, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: id}
	var err, closed error
	stopped := p.conn.Control(func(epoll uintptr) {
		closed = c.conn.socket().raw.Control(func(fd uintptr) { err = unix.EpollCtl(int(epoll), op, int(fd), &event) })
	})
	return cmp.Or(stopped, closed, err)
}

// run reads from the clients until close is called.
func (p *poller) run() {
	events, buf := make([]unix.EpollEvent, pollBatch), make([]byte, readBuffer)
	n := 0
	wait := func(fd uintptr) (done bool) {
		n, _ = unix.EpollWait(int(fd), events, 0)
		return n != 0 // after an error too: run then waits again
	}
	for p.conn.Read(wait) == nil {
		start := time.Now()
		for _, event := range events[:max(n, 0)] {
			p.handle(event, buf)
		}
		if work := time.Since(start); work > pollWork {
			time.Sleep(pollPause * work)
		}
	}
}

// handle wakes a writer, and reads, as the event of a client says. EPOLLERR and EPOLLHUP are for both.
func (p *poller) handle(event unix.EpollEvent, buf []byte) {
	if event.Events&^readEvents != 0 {
		p.mu.Lock()
		p.wake(event.Fd)
		p.mu.Unlock()
	}
	if event.Events&^unix.EPOLLOUT != 0 {
		p.read(event.Fd, buf)
	}
}

// read reads once from the client with this ID, if it has not been removed since epoll reported it.
func (p *poller) read(id int32, buf []byte) {
	p.mu.Lock()
	c := p.clients[id]
	p.mu.Unlock()
	if c == nil {
		return
	}
	more := false
	if c.conn.tls != nil {
		more = c.readTLS(buf)
	} else {
		n, err := p.reader.do(c.conn.direct, buf)
		more = c.received(buf[:n], err)
	}
	if !more {
		p.remove(c)
	}
}

// awaitWritable waits until the socket of c is writable or has failed, or until c is removed. It fails after
// stallTimeout. It reports ok false at once if the poller does not have c.
func (p *poller) awaitWritable(c *client) (ok bool, err error) {
	writable := p.addWriter(c)
	if writable == nil {
		return false, nil
	}
	timeout := time.NewTimer(stallTimeout)
	defer timeout.Stop()
	select {
	case <-writable:
		return true, nil
	case <-timeout.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.wake(c.pollID)
		return true, os.ErrDeadlineExceeded
	}
}

// addWriter returns a channel that is closed when c is writable, or nil if the poller does not have c.
func (p *poller) addWriter(c *client) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients[c.pollID] != c || p.control(c, unix.EPOLL_CTL_MOD, c.pollID, readEvents|unix.EPOLLOUT) != nil {
		return nil
	}
	writable := make(chan struct{})
	p.writers[c.pollID] = writable
	return writable
}

// wake wakes the goroutine that waits for the client with this ID, if there is one. The caller holds mu.
func (p *poller) wake(id int32) {
	if writable := p.writers[id]; writable != nil {
		delete(p.writers, id)
		p.control(p.clients[id], unix.EPOLL_CTL_MOD, id, readEvents)
		close(writable)
	}
}

// close ends run.
func (p *poller) close() {
	if p != nil {
		p.epoll.Close()
	}
}
