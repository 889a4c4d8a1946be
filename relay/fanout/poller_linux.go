package fanout

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pollBatch is how many sockets are looked after in one turn.
	pollBatch = 64

	// pollWork is how long that may take without a rest, and restPerPoll how long that is for each moment of work: a
	// flood of messages must not hold up what is sent.
	pollWork    = 200 * time.Microsecond
	restPerPoll = 2

	// readBuffer is how much is read of one client in a turn, in bytes.
	readBuffer = 4 << 10
)

// poller reads from the clients that say something, on one goroutine for all, so that a silent client costs none. It
// is an epoll(7) instance, for which Go's runtime waits as for a socket.
type poller struct {
	epoll *os.File
	conn  syscall.RawConn // epoll's

	mu      sync.Mutex        // held while a descriptor is used: remove comes before its closing
	clients map[int32]*client // by descriptor; guarded by mu
}

// newPoller returns nil if there cannot be one; it then takes no clients.
func newPoller() *poller {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	if err := unix.SetNonblock(fd, true); err != nil { // tells os to have the runtime wait
		unix.Close(fd)
		return nil
	}
	p := &poller{epoll: os.NewFile(uintptr(fd), "epoll"), clients: make(map[int32]*client)}
	p.conn, _ = p.epoll.SyscallConn()
	return p
}

// add has c read from now on. It reports false if that is for another to do.
func (p *poller) add(c *client) bool {
	if p == nil || c.socket.fd < 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fd := int32(c.socket.fd)
	if p.control(unix.EPOLL_CTL_ADD, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: fd}) != nil {
		return false
	}
	p.clients[fd] = c
	return true
}

// remove has c no longer read. It must be called before its socket is closed.
func (p *poller) remove(c *client) {
	if p == nil || c.socket.fd < 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd := int32(c.socket.fd); p.clients[fd] == c {
		delete(p.clients, fd)
		p.control(unix.EPOLL_CTL_DEL, &unix.EpollEvent{Fd: fd})
	}
}

func (p *poller) control(op int, event *unix.EpollEvent) (err error) {
	if e := p.conn.Control(func(fd uintptr) { err = unix.EpollCtl(int(fd), op, int(event.Fd), event) }); e != nil {
		return e
	}
	return err
}

// run reads until close.
func (p *poller) run() {
	if p == nil {
		return
	}
	events, buf := make([]unix.EpollEvent, pollBatch), make([]byte, readBuffer)
	n := 0
	wait := func(fd uintptr) (done bool) {
		n, _ = unix.EpollWait(int(fd), events, 0)
		return n != 0 // an interrupt is tried again
	}
	for p.conn.Read(wait) == nil {
		began := time.Now()
		for _, event := range events[:max(n, 0)] {
			c, n, err := p.read(event.Fd, buf)
			if c != nil && !c.heard(buf[:n], err) {
				p.remove(c)
			}
		}
		if work := time.Since(began); work > pollWork {
			time.Sleep(restPerPoll * work)
		}
	}
}

// read reads from the client that has the descriptor. That may be another than the one that was waited for: then
// there is nothing to read, or it is read a little sooner.
func (p *poller) read(fd int32, buf []byte) (c *client, n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c = p.clients[fd]; c != nil {
		n, err = readNonblocking(int(fd), buf)
	}
	return c, n, err
}

// close ends run.
func (p *poller) close() {
	if p != nil {
		p.epoll.Close()
	}
}
