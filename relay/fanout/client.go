package fanout

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"
	"unique"
)

// client is one connection and its position in the log. One goroutine reads from the connection: the shard's poller
// or readLoop. One goroutine writes to it: the shard's while the client is live, and catchUp's while it lags.
type client struct {
	audience
	set          *Clients
	shard        *shard
	conn         clientConn
	onDisconnect func(Disconnect) // nil: not called
	onMessage    func([]byte)     // nil: not called
	network      netip.Prefix     // its share of the budget counts
	site         unique.Handle[string]
	since        int64  // Unix time at which it connected
	pingOffset   uint32 // selects the second of the client's pings
	expires      int64  // Unix time; 0: never
	ended        atomic.Bool
	alive        atomic.Bool // something was read since the last ping
	acks         *acks       // nil unless the format is Acked

	// The goroutine that reads owns these.
	frames      frameReader
	rate        messageRate
	failed      bool // the client violated the protocol; the rest of its input is dropped
	inputClosed bool // the client sent a close frame or too many messages; it is no longer read

	// progress is pos while the client lags, for other goroutines.
	progress atomic.Uint64

	// The goroutine that reads sets these, and the one that writes sends them.
	pong    atomic.Pointer[[]byte] // the answer to the client's newest ping
	closing atomic.Pointer[closeMessage]

	// The shard's goroutine owns these. While the client lags, catchUp's owns pos, unsent, replay and started.
	pos        uint64         // number of the newest record written to the client; while it is live, see shard.position
	unsent     *unsent        // nil if there is nothing; nil while it is live
	replay     *replay        // nil if there is none, or no more
	started    bool           // the client has read the log once, and may miss nothing from there on
	lagging    bool           // catchUp writes to the client, or its end is near; the shard does not write to it
	closeLimit uint32         // the shard's second at which the client is cut off if it does not answer the close; 0: none
	group      *audienceGroup // nil: see arriving
	groupIndex int32          // in group.members, or in shard.arrivals
	index      int32          // in shard.members; -1 before the client joined and after it left

	pollID int32 // the client's key in the shard's poller; 0: none; set before another goroutine writes to it
}

func newClient(set *Clients, s *shard, conn net.Conn, cfg ClientConfig) *client {
	c := &client{
		audience:     cfg.audience(),
		set:          set,
		shard:        s,
		conn:         newClientConn(conn, set.opts.Buffers, cfg.Network),
		onDisconnect: cfg.OnDisconnect,
		onMessage:    cfg.OnMessage,
		network:      cfg.Network,
		site:         unique.Make(cfg.Site),
		since:        time.Now().Unix(),
		pos:          cfg.begin(),
		lagging:      true,
		index:        -1,
	}
	if !cfg.Expires.IsZero() {
		c.expires = cfg.Expires.Unix()
	}
	if cfg.Replay != nil {
		c.replay = &replay{until: cfg.Replay.Until, start: cfg.Position.Seq}
	}
	if cfg.Format == Acked {
		c.acks = newAcks(c.pos)
	}
	c.alive.Store(true)
	c.progress.Store(c.pos)
	return c
}

// live reports whether the shard writes to the client.
func (c *client) live() bool { return !c.lagging }

// arriving reports whether the client, a member of its shard, is an arrival.
func (c *client) arriving() bool { return c.group == nil }

// end ends the connection at once because of err. It may be called by any goroutine. Only the first call has an
// effect.
func (c *client) end(err error) {
	if c.ended.Swap(true) {
		return
	}
	if !c.shard.post(func() { c.shard.remove(c, err) }) { // the shard had stopped before the client could join
		c.conn.abort()
		c.disconnected(err, false)
	}
}

// disconnected reports the end of the connection because of err, and then stops counting the client. allAcked is
// whether the client's kernel had acknowledged everything when the connection was closed.
func (c *client) disconnected(err error, allAcked bool) {
	defer c.set.count.add(c.format, -1)
	d := Disconnect{Transport: c.format.transport(), EndedBy: endedBy(err)}
	if message := c.closing.Load(); message != nil {
		d.Reason = message.reason
	} else if d.Transport == WebSocketTransport {
		d.Reason = closeAbnormal
	}
	if c.acks != nil {
		d.LastDelivered = c.acks.lastDelivered(err == errClosedByRelay, allAcked, time.Now())
	}
	c.set.opts.Logger.Debug("client closed", "remote", c.conn.RemoteAddr(), "transport", d.Transport, "by", d.EndedBy,
		"code", int(d.Reason.Code), "reason", d.Reason.Text, "error", err)
	if c.onDisconnect != nil {
		c.onDisconnect(d)
	}
}
