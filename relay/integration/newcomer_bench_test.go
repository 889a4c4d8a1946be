//go:build linux

package integration_test

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// swarmSize is the number of sockets of a swarm. It is more than the kernel's backlog (net.core.somaxconn, 4096).
	swarmSize = 9000

	// newcomers is the number of clients that connect while a swarm attacks, one after the other, each from an address
	// of its own.
	newcomers = 500
)

// runSwarm is a helper: swarmSize sockets of 127.0.0.1 that try one handshake after the other at an address, on as many
// threads as there are processors. It prints a line when all have tried, and continues until it is killed.
func runSwarm(args []string) error {
	address, err := net.ResolveTCPAddr("tcp4", args[0])
	if err != nil {
		return err
	}
	threads := runtime.NumCPU()
	failed := make(chan error, threads)
	for range threads {
		epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return err
		}
		s := swarm{epoll, &unix.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())}}
		for range swarmSize / threads {
			if err := s.open(); err != nil {
				return err
			}
		}
		go func() { failed <- s.attack() }()
	}
	fmt.Println("connected")
	return <-failed
}

// swarm is a set of sockets that do not block.
type swarm struct {
	epoll  int
	server unix.Sockaddr
}

// open starts a connection.
func (s swarm) open() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, s.server); err != nil && err != unix.EINPROGRESS {
		return err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)}
	return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &event)
}

// attack sends handshakes, and replaces each connection that the server has answered or closed.
func (s swarm) attack() error {
	events := make([]unix.EpollEvent, 512)
	linger := unix.Linger{Onoff: 1} // a reset leaves no TIME_WAIT, which would exhaust the ports
	for {
		n, err := unix.EpollWait(s.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, event := range events[:max(0, n)] {
			if event.Events == unix.EPOLLOUT {
				unix.Write(int(event.Fd), []byte(handshake))
				continue
			}
			unix.SetsockoptLinger(int(event.Fd), unix.SOL_SOCKET, unix.SO_LINGER, &linger)
			unix.Close(int(event.Fd))
			if err := s.open(); err != nil {
				return err
			}
		}
	}
}

// connectNewcomers returns the sorted times of handshakes of new clients, and the number of clients that had no
// response within 10 s.
func connectNewcomers(address string) (times []time.Duration, lockedOut int) {
	for i := range newcomers {
		start := time.Now()
		if connectNewcomer(address, net.IPv4(127, 1, byte(i>>8), byte(1+i%250))) != nil {
			lockedOut++
		}
		times = append(times, time.Since(start))
		time.Sleep(time.Millisecond)
	}
	slices.Sort(times)
	return times, lockedOut
}

// connectNewcomer makes a handshake from an address.
func connectNewcomer(address string, from net.IP) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: 10 * time.Second}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return exchange(conn, handshake)
}

// listenPicky starts a listener that does as little as possible: it resets connections of 127.0.0.1 and answers all
// others, one after the other.
func listenPicky(b *testing.B) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		b.Fatal(err)
	}
	fd := int(file.Fd()) // blocks
	go func() {
		request := make([]byte, 512)
		for {
			conn, from, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
			if errors.Is(err, unix.EINTR) {
				continue
			} else if err != nil {
				return
			}
			if from.(*unix.SockaddrInet4).Addr == [4]byte{127, 0, 0, 1} {
				unix.SetsockoptLinger(conn, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			} else {
				unix.Read(conn, request)
				unix.Write(conn, []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
			}
			unix.Close(conn)
		}
	}()
	b.Cleanup(func() {
		unix.Shutdown(fd, unix.SHUT_RDWR) // ends accept
		file.Close()
		listener.Close()
	})
	return listener.Addr().String()
}

// BenchmarkNewcomersUnderFlood times the handshakes of new clients while swarmSize sockets of one address try
// handshakes, too, at a relay with --handshake-rate 20 and at a listener that does nothing but drop them.
func BenchmarkNewcomersUnderFlood(b *testing.B) {
	servers := map[string]func() string{
		"relay":    func() string { return newSite(b).start("--handshake-rate", "20").address },
		"baseline": func() string { return listenPicky(b) },
	}
	for name, start := range servers {
		b.Run(name, func(b *testing.B) {
			address := start()
			for b.Loop() {
				begun, end := startHelper(b, "swarm", address)
				<-begun
				time.Sleep(2 * time.Second) // until the burst that the address may have is over
				times, lockedOut := connectNewcomers(address)
				end()
				for name, percent := range percentiles {
					b.ReportMetric(percentile(times, percent), name+"-µs")
				}
				b.ReportMetric(float64(times[len(times)-1].Microseconds()), "max-µs")
				b.ReportMetric(float64(lockedOut), "locked-out")
			}
		})
	}
}
