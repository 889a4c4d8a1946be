//go:build linux

// Baseline sends a file's content to WebSocket clients with as little work as possible: baseline PORT FILE. It is the
// floor that the other servers are compared with: a loop of inotify, read and write(2). It checks nothing of the
// content, so that it may send an event twice or in part. It reads nothing from a client after the handshake, answers
// no ping and keeps no history, and a client that does not read blocks all others.
package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxFileSize bounds the bytes that are sent of a file.
	maxFileSize = 1 << 20

	// backlog bounds the clients that wait to be accepted. The kernel reduces it to net.core.somaxconn.
	backlog = 1 << 16
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "baseline:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: baseline PORT FILE")
	}
	port, err := strconv.ParseUint(args[0], 10, 16)
	if err != nil {
		return fmt.Errorf("port: %w", err)
	}
	notify, err := watch(filepath.Dir(args[1]))
	if err != nil {
		return err
	}
	listener, err := listen(int(port))
	if err != nil {
		return err
	}
	var c clients
	failed := make(chan error, 2)
	go func() { failed <- c.accept(listener) }()
	go func() { failed <- c.relay(notify, args[1]) }()
	return <-failed
}

// watch returns an inotify descriptor that becomes readable when a file in dir is closed after a write.
func watch(dir string) (int, error) {
	notify, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("inotify: %w", err)
	}
	if _, err := unix.InotifyAddWatch(notify, dir, unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO); err != nil {
		return 0, fmt.Errorf("watch %s: %w", dir, err)
	}
	return notify, nil
}

func listen(port int) (int, error) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	// Go's net package also sets this option, so that small writes are sent at once. Accepted connections inherit it.
	if err := unix.SetsockoptInt(listener, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	if err := unix.Bind(listener, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, fmt.Errorf("bind to port %d: %w", port, err)
	}
	if err := unix.Listen(listener, backlog); err != nil {
		return 0, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}

// clients are the descriptors of the connected clients.
type clients struct {
	mu    sync.Mutex
	added []int // clients since the last event; guarded by mu

	fds []int // all other clients; only relay uses it
}

// accept accepts clients until the listener fails.
func (c *clients) accept(listener int) error {
	request := make([]byte, 4096)
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		if err := c.handshake(fd, request); err != nil {
			unix.Close(fd)
		}
	}
}

// handshake reads a client's handshake into request and responds to it.
func (c *clients) handshake(fd int, request []byte) error {
	n := 0
	for !bytes.HasSuffix(request[:n], []byte("\r\n\r\n")) {
		m, err := unix.Read(fd, request[n:])
		if err != nil || m == 0 { // m is also 0 if the request is too long
			return fmt.Errorf("read: %w", err)
		}
		n += m
	}
	response, err := handshakeResponse(request[:n])
	if err != nil {
		return err
	}
	// The lock orders the response before the next event: a client that has its response receives all later events.
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := unix.Write(fd, response); err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	c.added = append(c.added, fd)
	return nil
}

// handshakeResponse returns the response to a handshake (RFC 6455 §4.2.2).
func handshakeResponse(request []byte) ([]byte, error) {
	for line := range bytes.Lines(request) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Sec-WebSocket-Key")) {
			sum := sha1.Sum(append(bytes.TrimSpace(value), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
			return fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:])), nil
		}
	}
	return nil, errors.New("no Sec-WebSocket-Key")
}

// relay sends the file's content after each notification, if there is any.
func (c *clients) relay(notify int, file string) error {
	notifications := make([]byte, 64<<10)
	content := make([]byte, maxFileSize)
	var frame []byte
	for {
		if _, err := unix.Read(notify, notifications); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("read notifications: %w", err)
		}
		n, err := readFile(file, content)
		if err != nil || n == 0 {
			continue
		}
		frame = append(appendHeader(frame[:0], n), content[:n]...)
		c.send(frame)
	}
}

// readFile reads the file into p, as far as it fits. One read returns all of a regular file.
func readFile(file string, p []byte) (int, error) {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return unix.Read(fd, p)
}

// appendHeader appends the header of an unmasked text frame for n bytes (RFC 6455 §5.2).
func appendHeader(p []byte, n int) []byte {
	const finText = 0x81
	switch {
	case n < 126:
		return append(p, finText, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(p, finText, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(p, finText, 127), uint64(n))
	}
}

// send writes frame to all clients and closes the clients whose write fails.
func (c *clients) send(frame []byte) {
	c.mu.Lock()
	c.fds = append(c.fds, c.added...)
	c.added = c.added[:0]
	c.mu.Unlock()
	kept := c.fds[:0]
	for _, fd := range c.fds {
		if err := write(fd, frame); err != nil {
			unix.Close(fd)
			continue
		}
		kept = append(kept, fd)
	}
	c.fds = kept
}

// write writes all of p, which is not empty. It waits while the send buffer is full. The descriptor is nonblocking, so
// that the call needs no preparations of Go's scheduler.
func write(fd int, p []byte) error {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch {
		case errno == 0 && int(n) == len(p):
			return nil
		case errno == 0:
			p = p[n:]
		case errno != unix.EAGAIN && errno != unix.EINTR:
			return errno
		}
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
