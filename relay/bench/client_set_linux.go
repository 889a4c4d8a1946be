package bench

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/bench/stats"
)

const (
	// bufferSize is how much is read at once. All clients share one buffer, which fits into a core's own cache.
	bufferSize = 64 << 10

	// clientsPerAddress is how many connect from one loopback address. The kernel has 28,000 ports for each, and
	// searches long once half of them are taken: with 19,000 clients of one address, it took 0.3 ms to connect another.
	clientsPerAddress = 8192

	// batchSize is for how many clients the kernel is asked at once.
	batchSize = 512
)

// swarm is the set of all clients. One goroutine uses it.
type clientSet struct {
	server           unix.Sockaddr
	handshake        []byte
	start            time.Time // what times count from
	epoll            int
	ready            []unix.EpollEvent
	buf              []byte // what is read
	pong             []byte
	partialResponses map[int32][]byte // begins of answers to handshakes, by client; few come in pieces

	clients     []client
	connected   int  // clients that are connected, but for visitors
	reading     int  // those of them that read
	external    bool // others write the events
	recorder    stats.Recorder
	connections connectionStats
}

// newSwarm returns a swarm with room for n clients of server, none of which is connected.
func newClientSet(server *net.TCPAddr, handshake []byte, n int) (*clientSet, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &clientSet{
		server:           sockaddr(server),
		handshake:        handshake,
		start:            time.Now(),
		epoll:            epoll,
		ready:            make([]unix.EpollEvent, batchSize),
		buf:              make([]byte, bufferSize),
		partialResponses: make(map[int32][]byte),
		clients:          make([]client, n),
		connections:      connectionStats{closed: make(map[int]int)},
	}, nil
}

func sockaddr(addr *net.TCPAddr) unix.Sockaddr {
	if ip := addr.IP.To4(); ip != nil {
		return &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(ip)}
	}
	sa := &unix.SockaddrInet6{Port: addr.Port, Addr: [16]byte(addr.IP.To16())}
	if zone, err := net.InterfaceByName(addr.Zone); err == nil {
		sa.ZoneId = uint32(zone.Index)
	}
	return sa
}

// now returns how long the swarm has existed.
func (s *clientSet) now() time.Duration { return time.Since(s.start) }

// close cuts off all clients.
func (s *clientSet) close() {
	for i := range s.clients {
		s.disconnect(&s.clients[i])
	}
	unix.Close(s.epoll)
}

// open begins to connect client i, which must be absent. What becomes of it, the census tells; an error says that no
// client can be made at all.
func (s *clientSet) open(i int, role role) error {
	family := unix.AF_INET
	if _, ok := s.server.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make client %d: %w", i+1, os.NewSyscallError("socket", err))
	}
	c := &s.clients[i]
	*c = client{fd: int32(fd), stage: connecting, role: role}
	delete(s.partialResponses, int32(i)) // of a visitor that left before it was admitted
	s.connections.pending++
	if err := s.connect(int32(i)); err != nil {
		s.reject(c, fmt.Errorf("connect: %w", err))
	}
	return nil
}

// connect has the kernel connect client i. The registration is for good: it announces, once each, that the connection
// is there, that more has come, and that it has ended.
func (s *clientSet) connect(i int32) error {
	c := &s.clients[i]
	if c.role == stalled {
		if err := unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil { // as little as may be
			return os.NewSyscallError("setsockopt", err)
		}
	}
	err := s.bindLocalAddress(i)
	if err == nil {
		err = unix.Connect(int(c.fd), s.server)
	}
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("no local port is left: widen /proc/sys/net/ipv4/ip_local_port_range: %w", err)
	case err != nil && !errors.Is(err, unix.EINPROGRESS):
		return err
	}
	all := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: i}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, int(c.fd), &all))
}

// spread has client i connect from another loopback address than the usual one, if the server is on loopback and the
// usual one has enough clients.
func (s *clientSet) bindLocalAddress(i int32) error {
	server, ok := s.server.(*unix.SockaddrInet4)
	address := 1 + i/clientsPerAddress
	if !ok || server.Addr[0] != 127 || address == 1 {
		return nil
	}
	fd := int(s.clients[i].fd)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	from := unix.SockaddrInet4{Addr: [4]byte{127, 0, byte(address >> 8), byte(address)}}
	return os.NewSyscallError("bind", unix.Bind(fd, &from))
}

// poll takes what has come for the clients. If that is nothing, it waits for something until the given time at most.
func (s *clientSet) poll(until time.Duration) error {
	n, errno := pollReady(s.epoll, s.ready)
	switch {
	case errno == unix.EINTR:
		return nil
	case errno != 0:
		return os.NewSyscallError("epoll_pwait", errno)
	case n == 0:
		return os.NewSyscallError("ppoll", waitReadable(s.epoll, until-s.now()))
	}
	for i := range s.ready[:n] {
		s.handle(&s.ready[i])
	}
	return nil
}

// handle takes what has come for one client. The kernel names each at most once in a batch, and no client is opened
// within one: what is named is what is meant.
func (s *clientSet) handle(ready *unix.EpollEvent) {
	hungUp := ready.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	switch c := &s.clients[ready.Fd]; c.stage {
	case connecting:
		s.sendHandshake(ready.Fd)
	case unread:
		if hungUp {
			s.serverClosed(c, statusAbnormal)
		}
	case handshaking, open:
		s.read(ready.Fd, hungUp)
	}
}

// refuse notes that c is not to be connected.
func (s *clientSet) reject(c *client, why error) {
	s.connections.reject(why)
	c.stage = disconnected
	unix.Close(int(c.fd))
}

// refuseAll gives up the handshakes that are under way.
func (s *clientSet) rejectPending(why error) {
	for i := range s.clients {
		if c := &s.clients[i]; c.stage == connecting || c.stage == handshaking {
			s.reject(c, why)
		}
	}
	clear(s.partialResponses)
}

// end notes that the server has ended the connection of c, with the given code.
func (s *clientSet) serverClosed(c *client, code int) {
	s.connections.closed[code]++
	s.disconnect(c)
}

// leave ends the connection of c, if there is one.
func (s *clientSet) disconnect(c *client) {
	switch {
	case c.stage == disconnected:
		return
	case c.stage == connecting || c.stage == handshaking:
		s.connections.pending--
	case c.role == reader:
		s.connected--
		s.reading--
		s.recorder.RemoveClient(&c.window)
	case c.role == stalled:
		s.connected--
	}
	c.stage = disconnected
	unix.Close(int(c.fd))
}
