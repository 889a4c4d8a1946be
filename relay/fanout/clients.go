// Package fanout serves the log to clients: over WebSocket (RFC 6455) and as Server-Sent Events (HTML standard §9.2).
//
// There is no queue per client, and no goroutine. A client is a connection and a position in the log, and it belongs
// to one of a few shards. A shard's goroutine takes what is new in the log, joins it to one piece of bytes for each
// format that its clients have, and writes that to all of them that are caught up, straight to their descriptors,
// without waiting for any. A client that cannot take it all at once lags, and so does one that begins further back: a
// goroutine of its own pulls from the log and writes, at the client's pace, until it has caught up and is given back
// to the shard, or has fallen behind what is kept and is told, or closed. So a slow client delays nobody and costs a
// goroutine but no memory of its own; and however many catch up at once, they take turns, which leaves the processors
// to those that are caught up. What clients say is read by one more goroutine a shard, which the kernel tells who has
// said something (on Linux; elsewhere each client has one that reads, and is always written to as if it lagged).
//
// The WebSocket library makes the handshake. The frames are our own: what is sent is one and the same for all clients,
// and a connection of the library's would weigh ten times as much as one here.
package fanout

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"wpre-relay/relay/eventlog"
)

// Options for New. The zero value works.
type Options struct {
	// PeerMessages passes each client's messages on to all the others, as "Broadcast: …". A client that lags does
	// not get them; they are not kept. Default: messages are read and dropped.
	PeerMessages bool

	// MaxMessage bounds a client's message, in bytes; one beyond it is closed with 1009. Default 4096.
	MaxMessage int

	// MessageRate bounds what a client sends, in frames a second, pings and fragments included, and in bytes by sixteen
	// times MaxMessage; one beyond it is closed with 1008, and nothing more of it is read. Default 100.
	MessageRate int

	// PingInterval is how often a client is pinged; one that is silent for a whole interval after is cut off.
	// Default 25 s, to a second.
	PingInterval time.Duration

	// Delivered is told how long after it was written an event was given to the last socket of the clients that were
	// caught up; not of events whose time of writing is not known. It is called while others wait. Default: nobody is
	// told.
	OnDelivered func(time.Duration)

	// Shards is the number of goroutines that write. Default: GOMAXPROCS.
	Shards int

	// Logger gets a line for each client at debug level. Default: slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxMessage <= 0 {
		o.MaxMessage = 4096
	}
	if o.MessageRate <= 0 {
		o.MessageRate = 100
	}
	if o.PingInterval < time.Second {
		o.PingInterval = 25 * time.Second
	}
	if o.OnDelivered == nil {
		o.OnDelivered = func(time.Duration) {}
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
	log    *eventlog.Reader
	opts   Options
	shards []*shard
	joins  atomic.Uint64 // deals clients out to shards, and pings to seconds
	count  [formats]atomic.Int64
	turns  turns
	finish finish
	parts  sync.WaitGroup // goroutines of clients
}

// New returns the set of clients of log, empty. Run serves them.
func New(log *eventlog.Reader, opts Options) *Clients {
	c := &Clients{log: log, opts: opts.withDefaults(), turns: newTurns(max(1, runtime.GOMAXPROCS(0)/2))}
	for i := range c.opts.Shards {
		c.shards = append(c.shards, newShard(c, i))
	}
	c.finish.init(c.opts.Shards, c.opts.OnDelivered)
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

// Len returns how many clients are connected. One whose OnDisconnect has not returned is.
func (c *Clients) Len() int { return c.WebSocketClients() + c.SSEClients() }

// WebSocketClients returns how many of the clients are connected by WebSocket.
func (c *Clients) WebSocketClients() int {
	return int(c.count[Plain].Load() + c.count[Acked].Load() + c.count[Enveloped].Load())
}

// SSEClients returns how many of the clients are connected by SSE.
func (c *Clients) SSEClients() int { return int(c.count[SSE].Load()) }

// Sent returns how many messages were given to clients' sockets so far.
func (c *Clients) Sent() uint64 {
	var n uint64
	for _, s := range c.shards {
		n += s.sent.Load()
	}
	return n
}

// begin adds the client whose connection was taken over, and sends it hello.
func (c *Clients) begin(taken *hijacker, entry ClientConfig, hello []byte) {
	turn := c.joins.Add(1)
	client := &client{
		set:     c,
		shard:   c.shards[turn%uint64(len(c.shards))],
		socket:  newSocket(taken.conn),
		left:    entry.OnDisconnect,
		said:    entry.OnMessage,
		turn:    uint32(turn / uint64(len(c.shards))),
		kind:    kind{entry.Format, entry.View},
		pos:     entry.Position.Seq,
		index:   -1,
		lagging: true,
	}
	if !entry.Expires.IsZero() {
		client.expires = entry.Expires.Unix()
	}
	if entry.Format == Acked {
		client.receipt = newReceipt(entry.Position.Seq)
	}
	client.alive.Store(true)
	c.count[entry.Format].Add(1)
	s := client.shard
	more := len(taken.early) == 0 || client.hear(taken.early)
	if more && !s.poller.add(client) {
		c.parts.Go(client.read)
	}
	if !s.post(func() { s.join(client, hello) }) {
		client.end(errStopped)
	}
}

// Drain closes all clients for a reason, evenly spread over at most the given time (a few clients take
// less: they need not be a millisecond apart), waits until they are gone, and cuts off who does not answer. Events
// still go to those that are not closed yet. The caller must have ended the coming of new clients.
func (c *Clients) Drain(reason CloseReason, over time.Duration) {
	for _, s := range c.shards {
		s.post(func() { s.drain(reason, over) })
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

// tellPeers passes text on to all plain clients but one.
func (c *Clients) tellPeers(text []byte, except *client) {
	frame := appendTextFrame(nil, append([]byte("Broadcast: "), text...))
	for _, s := range c.shards {
		s.postPeer(frame, except)
	}
}
