package integration_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wpre-relay/relay/fanout/fanouttest"
)

const (
	// occupyReceiveBuffer is SO_RCVBUF of the sockets that occupy the relay. The kernel of a client that does not read
	// then takes little, and the relay's side has to hold the rest.
	occupyReceiveBuffer = 4096

	// occupyWriteTimeout bounds the time in which the relay reads a request. It need not read all of it.
	occupyWriteTimeout = 5 * time.Second

	// occupyDials is the number of connections that are opened at the same time.
	occupyDials = 64
)

// occupation is what a socket sends to occupy the relay. It reads nothing afterwards.
type occupation struct {
	request string
	secure  bool // over TLS
	admin   bool // to the admin listener
	live    bool // the relay sends events once all sockets are connected
	hello   bool // to a relay that serves TLS, which the socket never speaks
	auth    bool // to a relay with a site that never answers for clients with a cookie
	large   bool // the history has events of 500 KB, and the memory does not hold all of them
	sockets int  // default: 1000
}

// occupations are the ways to occupy the relay, by name.
var occupations = map[string]occupation{
	"unread-history":       {request: "GET /history?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n"},
	"unread-history-tls":   {request: "GET /history?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n", secure: true},
	"unread-replay":        {request: upgradeRequest("/?last=10000")},
	"unread-replay-8000":   {request: upgradeRequest("/?last=10000"), sockets: 8000},
	"unread-replay-large":  {request: upgradeRequest("/?last=10000"), large: true},
	"unread-history-large": {request: "GET /history?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n", large: true},
	"unread-replay-tls":    {request: upgradeRequest("/?last=10000"), secure: true},
	"unread-live":          {request: upgradeRequest("/"), live: true},
	"unread-live-tls":      {request: upgradeRequest("/"), live: true, secure: true},
	"unread-sse":           {request: "GET /events?last=10000 HTTP/1.1\r\nHost: x\r\n\r\n"},
	"unread-sse-tls":       {request: "GET /events?last=10000 HTTP/1.1\r\nHost: x\r\n\r\n", secure: true},
	"unread-sse-live":      {request: "GET /events HTTP/1.1\r\nHost: x\r\n\r\n", live: true},
	"slow-headers":         {request: "GET / HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("x", 15<<10)},
	"many-headers":         {request: "GET / HTTP/1.1\r\nHost: x\r\n" + manyHeaders()},
	"many-headers-tls":     {request: "GET / HTTP/1.1\r\nHost: x\r\n" + manyHeaders(), secure: true},
	"half-tls-hellos":      {request: halfHello(), hello: true},
	"endless-message":      {request: upgradeRequest("/") + endlessMessage()},
	"hanging-auth":         {request: withHeaders("Cookie: a=b"), auth: true},
	"hanging-auth-headers": {request: withHeaders("Cookie: a=b\r\n" + manyHeaders()), auth: true},
	"publish": {
		request: "POST /publish HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + secret +
			"\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("x", 1<<20-1),
		admin: true,
	},
	"publish-chunked": {
		request: "POST /publish HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + secret +
			"\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + strings.Repeat("x", 1<<20-1),
		admin: true,
	},
	"status-page": {request: "GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n", admin: true, live: true},
}

func upgradeRequest(path string) string { return strings.Replace(handshake, "/", path, 1) }

// withHeaders returns a handshake with more headers.
func withHeaders(headers string) string {
	return strings.TrimSuffix(handshake, "\r\n") + headers + "\r\n\r\n"
}

// manyHeaders returns headers with as little text and as many names as possible.
func manyHeaders() string {
	var headers strings.Builder
	for i := 0; headers.Len() < 15<<10; i++ {
		fmt.Fprintf(&headers, "%s:\r\n", strconv.FormatInt(int64(i+36), 36))
	}
	return strings.TrimSuffix(headers.String(), "\r\n")
}

// halfHello returns the largest ClientHello (RFC 8446 §4) that a server may accept, without its last byte.
func halfHello() string {
	const length, record = 1<<16 - 1, 1 << 14
	message := "\x01\x00\xff\xff" + strings.Repeat("x", length)
	var records strings.Builder
	for len(message) > 0 {
		n := min(len(message), record)
		records.WriteString("\x16\x03\x01")
		records.Write([]byte{byte(n >> 8), byte(n)})
		records.WriteString(message[:n])
		message = message[n:]
	}
	return records.String()[:records.Len()-1]
}

// endlessMessage returns the fragments of a message of nearly the maximum size, and a part of another fragment.
func endlessMessage() string {
	frames := fanouttest.Masked(textFrame-more, strings.Repeat("x", 4000))
	rest := fanouttest.Masked(continuationFrame-more, strings.Repeat("x", 4096))
	return frames + rest[:len(rest)-1]
}

// runOccupy is a helper. It opens sockets that occupy the relay at an address, prints a line once all of them have
// sent their request, and holds them until it is killed.
func runOccupy(args []string) error {
	way, address := occupations[args[0]], args[1]
	sockets, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	conns, errs := make([]net.Conn, sockets), make([]error, sockets)
	dials := make(chan struct{}, occupyDials)
	for i := range sockets {
		dials <- struct{}{}
		all.Go(func() {
			defer func() { <-dials }()
			conns[i], errs[i] = way.occupy(address)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Println("connected")
	_, err = io.Copy(io.Discard, os.Stdin) // ends when the parent process does
	for _, conn := range conns {
		conn.Close()
	}
	return err
}

// occupy opens one socket and sends the request. The relay may close the connection before it has read all.
func (o occupation) occupy(address string) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		failed := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, occupyReceiveBuffer)
		})
		return errors.Join(err, failed)
	}}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if o.secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	conn.SetDeadline(time.Now().Add(occupyWriteTimeout))
	io.WriteString(conn, o.request)
	conn.SetDeadline(time.Time{})
	return conn, nil
}

// startOccupying starts the helper. It closes connected when all sockets have sent their request; end closes them.
func startOccupying(t testing.TB, way, address string, sockets int) (connected <-chan struct{}, end func()) {
	t.Helper()
	cmd := helper(t, "occupy", way, address, strconv.Itoa(sockets))
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	all := make(chan struct{})
	go func() {
		bufio.NewReader(stdout).ReadString('\n')
		close(all)
	}()
	end = sync.OnceFunc(func() {
		stdin.Close()
		<-all
		if err := cmd.Wait(); err != nil {
			t.Errorf("occupy: %v", err)
		}
	})
	t.Cleanup(end)
	return all, end
}
