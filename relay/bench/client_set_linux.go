package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"wpre-relay/relay/bench/stats"
	"wpre-relay/relay/bench/wsclient"
)

const (
	// bufferSize bounds one read. All clients share one buffer, which fits into the cache of a core.
	bufferSize = 64 << 10

	// clientsPerAddress bounds the clients that connect from one loopback address. The kernel has 28,000 ports for
	// each address and searches long when half of them are in use: connecting a client took 0.3 ms with 19,000
	// clients on one address.
	clientsPerAddress = 8192

	// batchSize bounds the events that one call fetches from the kernel.
	batchSize = 512
)

// clientSet is the set of all clients of a run. Only one goroutine uses it.
type clientSet struct {
	server           unix.Sockaddr
	tls              *tls.Config // nil without TLS
	request          []byte      // of each client
	firstAddress     int         // number of loopback addresses that other sets use
	start            time.Time   // all times are durations since start
	epoll            int
	ready            []unix.EpollEvent // reused by each poll
	buf              []byte            // reused by each read
	pong             []byte            // reused by each pong
	partialResponses map[int32][]byte  // incomplete responses to the handshake, by client; few are incomplete

	clients       []client
	secure        []*tls.Conn             // the TLS connection of each client; empty without TLS
	tlsHandshakes map[int32]*tlsHandshake // TLS handshakes in progress, by client

	connected   int  // connected clients, without transient ones
	reading     int  // connected clients that read, without transient ones
	external    bool // others write the events, so that events are counted by their order
	series      series
	altered     uint64 // messages that equal no written event
	recorder    stats.Recorder
	connections connectionStats
}

// newClientSet returns a set of n disconnected clients of server. The caller closes it.
func newClientSet(server *net.TCPAddr, url *url.URL, n int) (*clientSet, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	s := &clientSet{
		server:           sockaddr(server),
		request:          wsclient.HandshakeRequest(url),
		start:            time.Now(),
		epoll:            epoll,
		ready:            make([]unix.EpollEvent, batchSize),
		buf:              make([]byte, bufferSize),
		partialResponses: make(map[int32][]byte),
		clients:          make([]client, n),
		connections:      connectionStats{closed: make(map[int]int)},
	}
	if url.Scheme == "wss" {
		s.tls = &tls.Config{ServerName: url.Hostname(), InsecureSkipVerify: true}
		s.secure = make([]*tls.Conn, n)
		s.tlsHandshakes = make(map[int32]*tlsHandshake)
	}
	return s, nil
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

// now returns the time since the set was created.
func (s *clientSet) now() time.Duration { return time.Since(s.start) }

// open starts to connect client i, which must be disconnected. It counts the outcome in s.connections and returns an
// error only if no socket can be created.
func (s *clientSet) open(i int32, role role) error {
	family := unix.AF_INET
	if _, ok := s.server.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("create client %d: %w", i+1, os.NewSyscallError("socket", err))
	}
	c := &s.clients[i]
	*c = client{fd: int32(fd), stage: connecting, role: role}
	delete(s.partialResponses, i) // left by a transient client that disconnected during the handshake
	s.connections.pending++
	if err := s.connect(i); err != nil {
		s.reject(i, fmt.Errorf("connect: %w", err))
	}
	return nil
}

// connect starts the connection of client i and registers it for the events "connected", "readable" and "closed",
// each reported once (edge-triggered).
func (s *clientSet) connect(i int32) error {
	c := &s.clients[i]
	if c.role == stalled {
		// The kernel raises this to its minimum.
		if err := unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	err := s.bindLocalAddress(i)
	if err == nil {
		err = unix.Connect(int(c.fd), s.server)
	}
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("all local ports are in use, widen /proc/sys/net/ipv4/ip_local_port_range: %w", err)
	case err != nil && !errors.Is(err, unix.EINPROGRESS):
		return err
	}
	all := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: i}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, int(c.fd), &all))
}

// bindLocalAddress binds client i to a loopback address other than 127.0.0.1 if the server is on loopback and
// clientsPerAddress clients use 127.0.0.1 already.
func (s *clientSet) bindLocalAddress(i int32) error {
	server, ok := s.server.(*unix.SockaddrInet4)
	address := 1 + int32(s.firstAddress) + i/clientsPerAddress
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

// poll handles all events that are ready. If there are none, it waits for one, at most until the given time.
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

// handle handles one event. A batch has at most one event per client and no client is opened while it is handled, so
// an event never belongs to an earlier connection of the same client.
func (s *clientSet) handle(ready *unix.EpollEvent) {
	hungUp := ready.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	switch s.clients[ready.Fd].stage {
	case connecting:
		s.startHandshake(ready.Fd)
	case securing:
		s.continueTLS(ready.Fd)
	case unread:
		if hungUp {
			s.serverClosed(ready.Fd, statusAbnormal)
		}
	case handshaking, open:
		s.read(ready.Fd, hungUp)
	}
}
