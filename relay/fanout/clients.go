// Package fanout serves the log to WebSocket clients (RFC 6455).
//
// There is no queue per client, and no goroutine. A client is a connection and a position in the log, and it belongs
// to one of a few shards. A shard's goroutine takes what is new in the log, joins it to one piece of bytes and writes
// that to all of its clients that are caught up, straight to their descriptors, without waiting for any. A client that
// cannot take it all at once lags: a goroutine of its own pulls from the log and writes, at the client's pace, until
// it has caught up and is given back to the shard, or has fallen behind what the log keeps and is closed. So a slow
// client delays nobody and costs a goroutine but no memory of its own. What clients say is read by one more goroutine
// a shard, which the kernel tells who has said something (on Linux; elsewhere each client has one that reads, and is
// always written to as if it lagged).
//
// The WebSocket library makes the handshake. The frames are our own: what is sent is one and the same for all clients,
// and a connection of the library's would weigh ten times as much as one here.
package fanout

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
)

// Options for New. The zero value works.
type Options struct {
	// PeerMessages passes each client's messages on to all the others, as "Broadcast: …". A client that lags does
	// not get them; they are not kept. Default: messages are read and dropped.
	PeerMessages bool

	// MaxMessage bounds a client's message, in bytes; one beyond it is closed with 1009. Default 4096.
	MaxMessage int

	// PingInterval is how often a client is pinged; one that is silent for a whole interval after is cut off.
	// Default 25 s, to a second.
	PingInterval time.Duration

	// Shards is the number of goroutines that write. Default: GOMAXPROCS.
	Shards int

	// Logger gets a line for each client at debug level. Default: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxMessage <= 0 {
		o.MaxMessage = 4096
	}
	if o.PingInterval < time.Second {
		o.PingInterval = 25 * time.Second
	}
	if o.Shards <= 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Clients is the set of WebSocket clients of one log. Use New.
type Clients struct {
	log    *eventlog.Log
	opts   Options
	shards []*shard
	joins  atomic.Uint64  // deals clients out to shards, and pings to seconds
	count  atomic.Int64   // clients connected
	parts  sync.WaitGroup // goroutines of clients
}

// New returns the set of clients of log, empty. Run serves them.
func New(log *eventlog.Log, opts Options) *Clients {
	c := &Clients{log: log, opts: opts.withDefaults()}
	for range c.opts.Shards {
		c.shards = append(c.shards, newShard(c))
	}
	return c
}

// Run delivers what is new in the log to all clients until ctx ends; then it cuts off who is still there and waits
// until all of them are gone. Drain says goodbye first.
func (c *Clients) Run(ctx context.Context) {
	var shards, pollers sync.WaitGroup
	for _, s := range c.shards {
		pollers.Go(s.poller.run)
		shards.Go(func() { s.run(ctx) })
	}
	shards.Wait()
	c.parts.Wait()
	for _, s := range c.shards {
		s.poller.close()
	}
	pollers.Wait()
}

// Len returns how many clients are connected.
func (c *Clients) Len() int { return int(c.count.Load()) }

// Sent returns how many messages were given to clients' sockets so far.
func (c *Clients) Sent() uint64 {
	var n uint64
	for _, s := range c.shards {
		n += s.sent.Load()
	}
	return n
}

// Entry is how one client begins.
type Entry struct {
	Hello [][]byte // frames that it gets before anything else
	After uint64   // number of the record after which it reads the log
	Left  func()   // called once, when the client is gone
}

// Accept upgrades the request and adds the client. It returns when the handshake is done, and answers the request
// itself if that fails. Who may connect is for the caller to decide, before.
func (c *Clients) Accept(w http.ResponseWriter, r *http.Request, entry Entry) error {
	hijacker := &hijacker{ResponseWriter: w}
	shaken, err := websocket.Accept(hijacker, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the origin was checked
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		entry.Left()
		return err
	}
	shaken.CloseNow() // it is not needed any more, and its finalizer would keep it, and 8 KiB of buffers, for ever
	turn := c.joins.Add(1)
	client := &client{
		set:     c,
		shard:   c.shards[turn%uint64(len(c.shards))],
		socket:  newSocket(hijacker.conn),
		left:    entry.Left,
		turn:    uint32(turn / uint64(len(c.shards))),
		pos:     entry.After,
		index:   -1,
		lagging: true,
	}
	client.alive.Store(true)
	c.begin(client, entry.Hello, hijacker.early)
	return nil
}

// begin has the client read and hands it to its shard. What it said with the handshake is in early.
func (c *Clients) begin(client *client, hello [][]byte, early []byte) {
	c.count.Add(1)
	s := client.shard
	more := len(early) == 0 || client.hear(early)
	if more && !s.poller.add(client) {
		c.parts.Go(client.read)
	}
	if !s.post(func() { s.join(client, hello) }) {
		client.end(errStopped)
	}
}

// Drain closes all clients with code and reason, evenly spread over at most the given time (a few clients take
// less: they need not be a millisecond apart), waits until they are gone, and cuts off who does not answer. Events
// still go to those that are not closed yet. The caller must have ended the coming of new clients.
func (c *Clients) Drain(code websocket.StatusCode, reason string, over time.Duration) {
	frame := closeFrame(code, reason)
	for _, s := range c.shards {
		s.post(func() { s.drain(frame, over) })
	}
	patience := time.NewTimer(over + closeTimeout)
	defer patience.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for c.Len() > 0 {
		select {
		case <-poll.C:
		case <-patience.C:
			for _, s := range c.shards {
				s.post(s.cutOff)
			}
			return
		}
	}
}

// tellPeers passes text on to all clients but one.
func (c *Clients) tellPeers(text []byte, except *client) {
	frame := eventlog.TextFrame(append([]byte("Broadcast: "), text...))
	for _, s := range c.shards {
		s.postPeer(frame, except)
	}
}
