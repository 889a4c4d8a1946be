package fanout

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"wpre-relay/relay/eventlog"
)

// Clients is the set of clients of one log. Use New.
type Clients struct {
	log      *eventlog.Reader
	opts     Options
	shards   []*shard
	connects atomic.Uint64 // clients since New; assigns each client its shard and the second of its pings
	count    clientCount
	limiter  catchUpLimiter
	latency  deliveryLatency

	// tasks are the goroutines of single clients. Only a shard's goroutine starts one, so Run can wait for them.
	tasks sync.WaitGroup
}

// New returns an empty set of clients of log. Run serves them.
func New(log *eventlog.Reader, opts Options) *Clients {
	c := &Clients{log: log, opts: opts.withDefaults(), limiter: newCatchUpLimiter(max(1, runtime.GOMAXPROCS(0)/2))}
	for i := range c.opts.Shards {
		c.shards = append(c.shards, newShard(c, i))
	}
	c.latency.init(c.opts.Shards, c.opts.OnDelivered)
	log.OnGrowth(c.DeliverSoon)
	return c
}

// Run delivers new records to all clients until ctx is done. It then cuts off the remaining clients, without a
// close frame, and returns when all have left. Call Drain before that to close them properly.
func (c *Clients) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, s := range c.shards {
		running.Go(func() { s.run(ctx) })
	}
	running.Go(func() { c.releaseMemory(ctx) })
	running.Wait()
	c.tasks.Wait()
}

// Len returns the number of connected clients. A client counts until its OnDisconnect has returned.
func (c *Clients) Len() int { return c.WebSocketClients() + c.SSEClients() }

// WebSocketClients returns the number of clients that are connected by WebSocket.
func (c *Clients) WebSocketClients() int { return c.count.of(Plain, Acked, Enveloped) }

// SSEClients returns the number of clients that are connected by SSE.
func (c *Clients) SSEClients() int { return c.count.of(SSE) }

// Sent returns the number of events written to clients' sockets since New, counted once per client.
func (c *Clients) Sent() uint64 {
	var n uint64
	for _, s := range c.shards {
		n += s.sent.Load()
	}
	return n
}

// DeliverSoon makes Run write new records to the live clients, on other goroutines. The log calls it for each new
// record, except for one that AppendAndDeliver appends.
func (c *Clients) DeliverSoon() {
	for _, s := range c.shards {
		s.wakeUp()
	}
}

// Deliver writes new records to the live clients on the caller's goroutine, as far as their sockets take them now.
// Run delivers the rest.
func (c *Clients) Deliver() {
	for _, s := range c.shards {
		s.deliverNow()
	}
}

// DeliveryDue returns nil if live clients have got all events. Otherwise a delivery is due or in progress, and it
// returns a channel that is closed after a delivery.
func (c *Clients) DeliveryDue() <-chan struct{} { return c.latency.behind(c.log.Head().Seq) }

// connect adds the client on a hijacked connection. The client gets initial before anything from the log.
func (c *Clients) connect(h *hijacker, cfg ClientConfig, initial []byte) {
	n, shards := c.connects.Add(1), uint64(len(c.shards))
	client := newClient(c, c.shards[n%shards], h.conn, cfg)
	client.pingOffset = uint32(n / shards)
	c.count.add(cfg.Format, 1)
	if len(h.early) > 0 {
		client.receive(h.early)
	}
	if !client.shard.postJoin(client, initial) {
		client.end(errStopped)
	}
}

// Drain closes all clients for a reason and returns when they have left, so that each OnDisconnect has returned. It
// spreads the closes evenly over at most the given time; a few clients take less, since two closes need not be more
// than a millisecond apart. Clients get events until they are closed. A client that does not answer its close frame is
// cut off, at the latest 2 seconds after the given time. Drain waits for these clients at most cutOffLimit. The caller
// must stop accepting clients before.
func (c *Clients) Drain(reason CloseReason, over time.Duration) {
	for _, s := range c.shards {
		s.post(func() { s.startDrain(reason, over) })
	}
	if c.count.awaitZero(over + drainGrace) {
		return
	}
	for _, s := range c.shards {
		s.post(s.cutOff)
	}
	c.count.awaitZero(cutOffLimit)
}

// sendPeers sends text to all live clients of plain WebSocket except one.
func (c *Clients) sendPeers(text []byte, except *client) {
	frame := appendTextFrame(nil, append([]byte("Broadcast: "), text...))
	for _, s := range c.shards {
		s.postPeerMessage(peerMessage{frame, except})
	}
}
