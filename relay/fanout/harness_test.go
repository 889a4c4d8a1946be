package fanout_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

// bigEvents events of bigPadding bytes are 20 MB, more than the kernel's socket buffers hold.
const bigEvents, bigPadding = 400, 50_000

// insecureClient accepts the certificate of a test.
var insecureClient = &http.Client{
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
}

var discard = slog.New(slog.DiscardHandler)

// document returns the document of event number n, with some padding.
func document(n, padding int) string {
	return fmt.Sprintf(`{"timestamp":%d,"x":"%s"}`, n, strings.Repeat("x", padding))
}

// event returns event number n, with some padding. It does not decode the padding: with the race detector, reading JSON
// byte by byte would take most of the time of these tests.
func event(t testing.TB, n int, padding int) schema.Event {
	t.Helper()
	ev, _, err := schema.Decode([]byte(document(n, 0)), 0)
	if err != nil {
		t.Fatal(err)
	}
	ev.Document = []byte(document(n, padding))
	return ev
}

// openLog opens a log and closes it at the end of the test.
func openLog(t testing.TB, opts eventlog.Options) *eventlog.Log {
	t.Helper()
	opts.Logger = discard
	log, err := eventlog.Open(t.TempDir(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

// server is a log and its clients, behind an HTTP listener.
type server struct {
	log         *eventlog.Log
	clients     *fanout.Clients
	url         string // http:// or https://
	addr        string
	accepted    chan error                 // the result of each Accept
	disconnects chan fanout.Disconnect     // of each client
	configure   func(*fanout.ClientConfig) // may change the config of clients; set before any connects
	dialer      net.Dialer                 // of dial
	stop        func()                     // ends the listener and Run; idempotent
}

// serve starts a server that the test's end stops.
func serve(t testing.TB, logOpts eventlog.Options, opts fanout.Options) *server {
	t.Helper()
	return serveWith(t, logOpts, opts, httptest.NewServer)
}

// serveWith is like serve. The function listen starts the listener.
func serveWith(
	t testing.TB, logOpts eventlog.Options, opts fanout.Options, listen func(http.Handler) *httptest.Server,
) *server {
	t.Helper()
	opts.Logger = discard
	if opts.Buffers == nil {
		opts.Buffers = budget.New(fanout.DefaultBuffers)
	}
	log := openLog(t, logOpts)
	s := &server{
		log:         log,
		clients:     fanout.New(log.Reader, opts),
		accepted:    make(chan error, 1<<10),
		disconnects: make(chan fanout.Disconnect, 1<<10),
		configure:   func(*fanout.ClientConfig) {},
	}
	web := listen(s)
	s.url, s.addr = web.URL, web.Listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.clients.Run(ctx) }()
	s.stop = func() {
		web.Close()
		cancel()
		<-done
	}
	t.Cleanup(func() {
		s.stop()
		if n := s.clients.Len(); n != 0 {
			t.Errorf("%d clients are left after Run", n)
		}
		if used := opts.Buffers.Status().Used; used != 0 {
			t.Errorf("%d bytes of the budget are not released", used)
		}
	})
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cfg := fanout.ClientConfig{Position: s.log.Head(), OnDisconnect: func(d fanout.Disconnect) { s.disconnects <- d }}
	s.configure(&cfg)
	if cfg.Format == fanout.SSE {
		s.accepted <- s.clients.AcceptSSE(w, r, cfg)
	} else {
		s.accepted <- s.clients.AcceptWebSocket(w, r, cfg)
	}
}

// append appends the events n to m. It delivers some of them itself.
func (s *server) append(t testing.TB, n, m, padding int) {
	t.Helper()
	for ; n <= m; n++ {
		if rand.IntN(2) == 0 {
			s.log.Append(event(t, n, padding))
		} else {
			s.log.AppendAndDeliver(event(t, n, padding), s.clients.Deliver)
		}
	}
}

// connect connects a client by the WebSocket library.
func (s *server) connect(t testing.TB, subprotocols ...string) *websocket.Conn {
	t.Helper()
	options := &websocket.DialOptions{Subprotocols: subprotocols, HTTPClient: insecureClient}
	conn, _, err := websocket.Dial(t.Context(), s.url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(-1)
	if err := <-s.accepted; err != nil {
		t.Fatal(err)
	}
	return conn
}

// dial connects a WebSocket client without a library, by TLS if the server has it. It sends early in one segment with
// the handshake.
func (s *server) dial(t testing.TB, early string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := s.dialer.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if strings.HasPrefix(s.url, "https:") {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	conn.SetDeadline(time.Now().Add(testwait.Limit))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+early)
	r := bufio.NewReader(conn)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-s.accepted; err != nil {
		t.Fatal(err)
	}
	return conn, r
}

// readText reads a text message.
func readText(t testing.TB, conn *websocket.Conn) string {
	t.Helper()
	typ, message, err := conn.Read(testwait.Context(t))
	if err != nil || typ != websocket.MessageText {
		t.Fatalf("got a message of type %v, %v", typ, err)
	}
	return string(message)
}

// expectEvents reads the events n to m, in order.
func expectEvents(t testing.TB, conn *websocket.Conn, n, m, padding int) {
	t.Helper()
	for ; n <= m; n++ {
		if got, want := readText(t, conn), document(n, padding); got != want {
			t.Fatalf("got %.60s, want %.60s", got, want)
		}
	}
}

// closeStatus reads until the connection ends and returns its close code.
func closeStatus(t testing.TB, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx := testwait.Context(t)
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

// expectFrames reads exactly these bytes.
func expectFrames(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); string(got) != want {
		t.Fatalf("got % x, %v, want % x", got[:n], err, want)
	}
}

// readFrame reads one frame of a server.
func readFrame(r io.Reader) (opcode byte, payload []byte, err error) {
	var head [10]byte
	if _, err = io.ReadFull(r, head[:2]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	switch n {
	case 126:
		_, err = io.ReadFull(r, head[2:4])
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		_, err = io.ReadFull(r, head[2:10])
		n = binary.BigEndian.Uint64(head[2:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return head[0] & 0xf, payload, err
}
