package fanout_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

var (
	randomSeeds = flag.Uint64("random.seeds", 4, "number of seeds of TestRandomClients")
	randomSeed  = flag.Uint64("random.seed", 0, "the only seed of TestRandomClients; 0: all from 1")
)

const (
	randomClients = 8
	randomSteps   = 80
	randomBuffers = 256 << 10
)

// TestRandomClients runs clients over TCP with small buffers: they read slowly, send frames in pieces, break the
// protocol and reconnect. Each gets every event once, and the answer to its newest ping. At the end no client, no part
// of the budget and no descriptor is left. The simulation in package relay/simulation has no sockets, so this test
// covers the poller.
func TestRandomClients(t *testing.T) {
	for seed := uint64(1); seed <= *randomSeeds; seed++ {
		if *randomSeed == 0 || *randomSeed == seed {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { runRandomClients(t, seed) })
		}
	}
}

func runRandomClients(t *testing.T, seed uint64) {
	before := openFiles(t)
	buffers := budget.New(randomBuffers)
	s := serveWith(t, eventlog.Options{MemoryRecords: 32}, fanout.Options{Buffers: buffers, Shards: 2}, listenSmall)
	s.configure = func(cfg *fanout.ClientConfig) { cfg.Format = fanout.Enveloped }
	random, next := rand.New(rand.NewPCG(seed, 0)), 1
	clients := make([]*randomClient, randomClients)
	for i := range clients {
		clients[i] = &randomClient{t: t, s: s}
		clients[i].connect()
	}
	for range randomSteps {
		if n := random.IntN(20); random.IntN(3) == 0 {
			s.append(t, next, next+n, random.IntN(20_000))
			next += n + 1
		} else {
			clients[random.IntN(len(clients))].step(random)
		}
		if b := buffers.Status(); b.Used > b.Total {
			t.Errorf("%d bytes of a budget of %d are used", b.Used, b.Total)
		}
	}
	for _, c := range clients {
		c.readUntil(s.log.Head().Seq, c.pings)
		c.conn.Close()
	}
	s.stop()
	if used := buffers.Status().Used; used != 0 {
		t.Errorf("%d bytes of the budget are left", used)
	}
	s.log.Close()
	if now := openFiles(t); now > before {
		t.Errorf("%d files were open before, and %d are now", before, now)
	}
}

// openFiles returns the number of open files, or 0 where the system has no list of them.
func openFiles(t *testing.T) int {
	t.Helper()
	if r, w, err := os.Pipe(); err == nil { // makes Go's runtime open its own
		r.Close()
		w.Close()
	}
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// smallListener gives its connections a small send buffer, so that clients lag soon.
type smallListener struct{ net.Listener }

func (l smallListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
	}
	return conn, err
}

func listenSmall(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Listener = smallListener{server.Listener}
	server.Start()
	return server
}

// randomClient is a client with its position.
type randomClient struct {
	t     *testing.T
	s     *server
	conn  net.Conn
	r     *bufio.Reader
	at    uint64 // it has everything up to here
	pings int    // number of the newest ping of this connection; 0: none
	pong  int    // number of the newest answer
}

// connect connects the client at its position.
func (c *randomClient) connect() {
	c.t.Helper()
	c.s.configure = func(cfg *fanout.ClientConfig) {
		cfg.Format = fanout.Enveloped
		cfg.Position, cfg.Gap = c.s.log.Resume(schema.Position{Epoch: c.s.log.Epoch(), Seq: c.at})
	}
	c.conn, c.r = c.s.dial(c.t, "")
	c.conn.(*net.TCPConn).SetReadBuffer(32 << 10)
	c.pings, c.pong = 0, 0
}

// step takes a random step.
func (c *randomClient) step(random *rand.Rand) {
	switch random.IntN(6) {
	case 0, 1:
		for range random.IntN(10) {
			if c.at < c.s.log.Head().Seq {
				c.read()
			}
		}
	case 2, 3:
		c.pings++
		frame := fanouttest.Masked(0x89, strconv.Itoa(c.pings))
		for frame != "" {
			n := 1 + random.IntN(len(frame))
			io.WriteString(c.conn, frame[:n])
			frame = frame[n:]
			time.Sleep(time.Duration(random.IntN(2)) * time.Microsecond)
		}
	default:
		switch random.IntN(4) {
		case 0:
			io.WriteString(c.conn, fanouttest.Masked(0x88, fanouttest.ClosePayload(1000, "")))
		case 1:
			io.WriteString(c.conn, "\xff\xffgarbage")
		case 2:
			c.conn.(*net.TCPConn).SetLinger(0)
		}
		c.conn.Close()
		c.connect()
	}
}

// readUntil reads until the client has all events, and the answer to its newest ping.
func (c *randomClient) readUntil(seq uint64, pong int) {
	c.t.Helper()
	for c.at < seq || c.pong < pong {
		c.read()
	}
}

// read reads one frame and checks it.
func (c *randomClient) read() {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(testwait.Limit))
	opcode, payload, err := readFrame(c.r)
	if err != nil {
		c.t.Fatalf("at %d of %d, pong %d of %d: %v", c.at, c.s.log.Head().Seq, c.pong, c.pings, err)
	}
	switch opcode {
	case 0xa:
		c.pong, err = strconv.Atoi(string(payload))
	case 0x1:
		var message struct {
			ID    schema.Position
			Event struct{ Timestamp uint64 }
		}
		err = json.Unmarshal(payload, &message)
		if c.at++; message.ID.Seq != c.at || message.Event.Timestamp != c.at {
			c.t.Fatalf("got %.80s, want event %d", payload, c.at)
		}
	default:
		err = fmt.Errorf("opcode %d", opcode)
	}
	if err != nil {
		c.t.Fatal(err)
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
