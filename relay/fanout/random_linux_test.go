package fanout_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
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
	randomClients = 12 // of one shard, so that it sends to several by one system call
	randomSteps   = 80
	randomBuffers = 256 << 10
	randomSocket  = 8 << 10 // bytes of each socket's buffer
	randomSegment = 1400    // maximum bytes of a segment; a default segment of the loopback interface exceeds the buffers

	// randomSilence is how long a client reads nothing before it must read everything. The relay ends the connection of
	// a client that takes nothing for 30 seconds, and a slow machine must not make a client one.
	randomSilence = 10 * time.Second
)

// TestRandomClients runs clients over TCP with small buffers, for even seeds with TLS, for half of each as a herd: they
// read slowly, send frames in pieces, break the protocol and reconnect. Each gets every event once, and the answer to
// its newest ping. At the end no client, no part of the budget and no descriptor is left. The simulation in package
// relay/simulation has no sockets, so this test covers the poller.
func TestRandomClients(t *testing.T) {
	for seed := uint64(1); seed <= *randomSeeds; seed++ {
		if *randomSeed == 0 || *randomSeed == seed {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { runRandomClients(t, seed) })
		}
	}
}

func runRandomClients(t *testing.T, seed uint64) {
	before := openFiles(t)
	s, buffers := randomServer(t, seed%2 == 0, seed/2%2 == 0)
	random, next := rand.New(rand.NewPCG(seed, 0)), 1
	clients := make([]*randomClient, randomClients)
	for i := range clients {
		clients[i] = &randomClient{t: t, s: s}
		clients[i].connect()
	}
	for range randomSteps {
		if n := random.IntN(20); random.IntN(3) == 0 {
			s.append(t, next, next+n, random.IntN(10_000)/(1+99*random.IntN(2)))
			next += n + 1
		} else {
			clients[random.IntN(len(clients))].step(random)
		}
		for _, c := range clients {
			if time.Since(c.lastRead) > randomSilence {
				c.readAll()
			}
		}
		if b := buffers.Status(); b.Used > b.Total {
			t.Errorf("%d bytes of a budget of %d are used", b.Used, b.Total)
		}
	}
	var readers sync.WaitGroup
	for _, c := range clients {
		readers.Go(c.readAll) // at once, because a client that waits for others stalls
	}
	readers.Wait()
	for _, c := range clients {
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

// randomServer starts a server with one shard and small buffers. If herd is set, each client that connects is part of a
// herd.
func randomServer(t *testing.T, secure, herd bool) (*server, *budget.Budget) {
	buffers, listen := budget.New(randomBuffers), smallServer
	if secure { // the end of the budget would be the end of a connection
		buffers, listen = budget.New(fanout.DefaultBuffers), smallTLSServer
	}
	opts := fanout.Options{Buffers: buffers, Shards: 1}
	if herd {
		opts.HerdJoins = 1
	}
	s := serveWith(t, eventlog.Options{MemoryRecords: 32}, opts, listen)
	s.dialer.Control = smallReceiveBuffer
	return s, buffers
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

// smallReceiveBuffer gives a client a small receive buffer before it connects. After the connect it would be too late:
// the client's kernel has announced a larger window, and drops segments that do not fit. TCP sends them again after
// pauses that double, up to many seconds (ss -tinm: "backoff:5" at the relay's socket, drops such as "d7" at the
// client's).
func smallReceiveBuffer(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, randomSocket)
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, randomSegment)
	})
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

	lastRead time.Time // or when it connected
}

// connect connects the client at its position.
func (c *randomClient) connect() {
	c.t.Helper()
	c.s.configure = func(cfg *fanout.ClientConfig) {
		cfg.Format = fanout.Enveloped
		cfg.Position, cfg.Gap = c.s.log.Resume(schema.Position{Epoch: c.s.log.Epoch(), Seq: c.at})
	}
	c.conn, c.r = c.s.dial(c.t, "")
	c.pings, c.pong, c.lastRead = 0, 0, time.Now()
}

// step takes a random step.
func (c *randomClient) step(random *rand.Rand) {
	switch random.IntN(6) {
	case 0, 1:
		for range random.IntN(10) {
			if c.at < c.s.log.Head().Seq && !c.read() {
				c.t.FailNow()
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
			conn := c.conn
			if secure, ok := conn.(*tls.Conn); ok {
				conn = secure.NetConn()
			}
			conn.(*net.TCPConn).SetLinger(0)
		}
		c.conn.Close()
		c.connect()
	}
}

// readAll reads until the client has all events, and the answer to its newest ping.
func (c *randomClient) readAll() {
	for c.at < c.s.log.Head().Seq || c.pong < c.pings {
		if !c.read() {
			return
		}
	}
}

// read reads one frame and checks it. It reports false if the test has failed.
func (c *randomClient) read() (ok bool) {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(testwait.Limit))
	opcode, payload, err := readFrame(c.r)
	if err != nil {
		c.t.Errorf("at %d of %d, pong %d of %d: %v", c.at, c.s.log.Head().Seq, c.pong, c.pings, err)
		return false
	}
	c.lastRead = time.Now()
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
			err = fmt.Errorf("got %.80s, want event %d", payload, c.at)
		}
	default:
		err = fmt.Errorf("opcode %d", opcode)
	}
	if err != nil {
		c.t.Error(err)
	}
	return err == nil
}
