package ws

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// pollBatch is how many sockets are looked after in one turn.
	pollBatch = 256

	// readBuffer is how much is read of one client in a turn, in bytes.
	readBuffer = 16 << 10
)

// poller reads from the clients that say something, on one goroutine for all, so that a silent client costs none. It
// is an epoll(7) instance, for which Go's runtime waits as for a socket.
type poller struct {
	epoll *os.File
	conn  syscall.RawConn

	mu      sync.Mutex
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
	if p == nil || c.socket.raw == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	added := false
	err := c.socket.raw.Control(func(fd uintptr) {
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)}
		added = p.control(unix.EPOLL_CTL_ADD, int(fd), &event) == nil
		if added {
			p.clients[int32(fd)] = c
		}
	})
	return added && err == nil
}

func (p *poller) control(op, fd int, event *unix.EpollEvent) (err error) {
	if e := p.conn.Control(func(epoll uintptr) { err = unix.EpollCtl(int(epoll), op, fd, event) }); e != nil {
		return e
	}
	return err
}

// remove has c no longer read. It must be called before its socket is closed.
func (p *poller) remove(c *client) {
	if p == nil || c.socket.raw == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.socket.raw.Control(func(fd uintptr) {
		if p.clients[int32(fd)] == c {
			delete(p.clients, int32(fd))
			p.control(unix.EPOLL_CTL_DEL, int(fd), nil)
		}
	})
}

// client returns who has the descriptor. It may be another than the one that was waited for: then there is nothing
// to read, or it is read a little sooner.
func (p *poller) client(fd int32) *client {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clients[fd]
}

// run reads until close.
func (p *poller) run() {
	if p == nil {
		return
	}
	raw, buf := newRawIO(), make([]byte, readBuffer)
	events := make([]unix.EpollEvent, pollBatch)
	n := 0
	wait := func(epoll uintptr) (done bool) {
		n, _ = unix.EpollWait(int(epoll), events, 0)
		return n != 0 // an interrupt is tried again
	}
	for p.conn.Read(wait) == nil {
		for _, event := range events[:max(n, 0)] {
			if c := p.client(event.Fd); c != nil && !c.readSome(raw, buf) {
				p.remove(c)
			}
		}
	}
}

// close ends run.
func (p *poller) close() {
	if p != nil {
		p.epoll.Close()
	}
}
