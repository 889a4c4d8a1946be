package fanout

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	// catchUpBatch is about how many bytes a lagging client is given at once.
	catchUpBatch = 64 << 10

	// farBehind is from how many records on a client that catches up has to take turns with others.
	farBehind = 64
)

// client is one connection and its position in the log. One goroutine reads from it. Another writes: the shard's, or
// that of catchUp while the client lags.
type client struct {
	set    *Clients
	shard  *shard
	socket socket
	left   func(Disconnect)
	said   func([]byte) // nil if nobody wants to know what it says
	kind
	turn    uint32 // decides in which second it is pinged
	expires int64  // Unix time at which it must go; 0: never
	ended   atomic.Bool
	alive   atomic.Bool // something was read since the last ping

	// The goroutine that reads owns these.
	inbox  inbox
	failed bool // the client broke the protocol: what it says is dropped, until it hangs up
	closed bool // the client has sent a close frame, or far too much: nothing more is read
	pace   pace

	receipt *receipt // nil unless the client is Confirmed

	// What the client is to be told besides the events.
	answer  atomic.Pointer[[]byte] // to its last ping
	goodbye atomic.Pointer[goodbye]

	// The shard's goroutine owns these, but for pos while the client lags: then catchUp's does.
	pos     uint64    // number of the last record that was given to the socket; stale while the client is caught up
	peers   *audience // of its kind; nil when it has left, or not come yet
	seat    int32     // in peers.members
	index   int32     // in shard.members; -1 when it has left, or not come yet
	lagging bool      // the shard leaves it alone
	begun   bool      // it has got a piece of the log; catchUp's while the client lags
	closeBy uint32    // in which of the shard's seconds its time to answer a close frame is over; 0 if it has none
}

var (
	errClosed   = errors.New("closed by the client")
	errToldOff  = errors.New("closed by the relay")
	errSilent   = errors.New("no answer to a ping")
	errUnclosed = errors.New("no answer to a close frame")
	errStopped  = errors.New("the relay stops")
)

// live reports whether the shard writes to c.
func (c *client) live() bool { return !c.lagging }

// end ends the connection at once. It may be called on any goroutine; only the first call counts.
func (c *client) end(why error) {
	if c.ended.Swap(true) {
		return
	}
	c.set.opts.Logger.Debug("client closed", "remote", c.socket.RemoteAddr(), "cause", why)
	c.shard.poller.remove(c)
	if !c.shard.post(func() { c.shard.remove(c, why) }) {
		c.socket.abort() // it never joined
		c.gone(why, false)
	}
}

// gone tells who let the client in, and only then counts it no more. Delivered is whether all that was sent had arrived
// when the connection was closed.
func (c *client) gone(why error, delivered bool) {
	defer c.set.count[c.format].Add(-1)
	end := Disconnect{Transport: c.format.transport(), EndedBy: endedBy(why)}
	if bye := c.goodbye.Load(); bye != nil {
		end.Reason = bye.reason
	} else if c.format != SSE {
		end.Reason = closeAbnormal
	}
	if c.receipt != nil {
		end.LastDelivered = c.receipt.had(why == errToldOff, delivered, time.Now())
	}
	if c.left != nil {
		c.left(end)
	}
}

// read reads until the connection ends, on a goroutine of its own, where the poller cannot.
func (c *client) read() {
	buf := make([]byte, 512)
	for {
		n, err := c.socket.Read(buf)
		if !c.heard(buf[:n], err) {
			return
		}
	}
}

// heard takes what was read from the client, and reports whether there may be more.
func (c *client) heard(p []byte, err error) (more bool) {
	if len(p) > 0 && !c.hear(p) {
		return false
	}
	if err != nil {
		c.end(err)
	}
	return err == nil
}

// hear takes what the client says, in pieces of any size. It reports false if that was the last: a close frame.
func (c *client) hear(p []byte) (more bool) {
	c.alive.Store(true)
	if c.failed || c.format == SSE { // who has asked for a stream has said all
		return true
	}
	opts := &c.set.opts
	err := c.inbox.take(p, opts.MaxMessage, c)
	if err == nil && !c.closed && c.pace.over(c.inbox.frames, uint64(opts.MessageRate), len(p), messagesPerSecond*opts.MaxMessage) {
		c.closed = true
		err = CloseTooManyMessages
	}
	if failure, ok := errors.AsType[CloseReason](err); ok {
		c.failed, c.inbox = true, inbox{}
		bye := goodbye{reason: failure, frame: closeFrame(failure), now: true}
		c.shard.post(func() { c.shard.sayGoodbye(c, bye) })
	}
	return !c.closed
}

// ping implements listener. Of several pings only the last need be answered (RFC 6455 §5.5.3), so a flood of them
// costs no more than one.
func (c *client) ping(payload []byte) {
	pong := controlFrame(opPong, payload)
	if c.answer.Swap(&pong) == nil {
		c.shard.post(func() { c.shard.sendPong(c) })
	}
}

// pong implements listener.
func (c *client) pong(payload []byte) {
	if c.receipt != nil {
		c.receipt.confirm(payload, time.Now())
	}
}

// message implements listener.
func (c *client) message(text []byte) {
	if c.set.opts.PeerMessages {
		c.set.tellPeers(text, c)
	}
	if c.said != nil {
		c.said(text)
	}
}

// bye implements listener.
func (c *client) bye(code websocket.StatusCode) {
	c.closed = true
	c.shard.post(func() { c.shard.answerClose(c, code) })
}

// catchUp sends hello, and then from the log at the client's pace until there is no more; then it gives the client
// back to its shard. It runs on a goroutine of its own.
func (c *client) catchUp(hello []byte) {
	if err := c.socket.send(hello, nil); err != nil {
		c.end(err)
		return
	}
	for {
		bye := c.goodbye.Load()
		if bye != nil && bye.now {
			c.close(*bye)
			return
		}
		more, lost, err := c.catchUpSome()
		switch {
		case err != nil:
			c.end(err)
			return
		case lost:
			slow := c.format.goodbye(CloseTooSlow)
			c.goodbye.Store(&slow)
			c.close(slow)
			return
		case more:
		case bye != nil:
			c.close(*bye)
			return
		default:
			c.shard.post(func() { c.shard.settle(c) })
			return
		}
	}
}

// pieces are batches for catchUp, used again.
var pieces = sync.Pool{New: func() any { return new(batch) }}

// catchUpSome sends what the client may see of the next piece of the log, and a pong that is due, and reports whether
// there was anything. It reports lost if there are records that are no longer kept, and the client cannot be told.
func (c *client) catchUpSome() (more, lost bool, err error) {
	b := pieces.Get().(*batch)
	defer pieces.Put(b)
	turns := c.turns()
	turn := turns.take()
	recs, upTo, _, err := c.set.log.Read(b.recs, c.pos, catchUpBatch)
	b.recs = recs
	defer clear(recs) // the log decides what is kept
	if err == nil {
		b.fill(c.kind, c.set.log.Epoch(), span{recs, c.pos, upTo})
		if pong := c.answer.Swap(nil); pong != nil {
			b.joined = append(b.joined, *pong...)
		}
	}
	turns.give(turn)
	switch {
	case err != nil:
		return false, false, err
	case c.begun && !c.format.positions() && upTo-c.pos > uint64(len(recs)):
		return false, true, nil
	}
	if err := c.socket.send(b.joined, turns); err != nil {
		return false, false, err
	}
	more = upTo > c.pos || len(b.joined) > 0
	c.begun, c.pos = true, upTo
	if c.receipt != nil && b.events() > 0 {
		c.receipt.send(upTo, time.Now())
	}
	c.shard.sent.Add(uint64(b.events()))
	return more, false, nil
}

// turns returns those to catch up in, nil if c is not far behind: what is live is not held up for others.
func (c *client) turns() turns {
	if head := c.set.log.Head().Seq; head < c.pos+farBehind {
		return nil
	}
	return c.set.turns
}

// close says goodbye, waiting for the client to take it.
func (c *client) close(bye goodbye) {
	if err := c.socket.send(bye.frame, nil); err != nil {
		c.end(err)
		return
	}
	c.shard.post(func() { c.shard.saidGoodbye(c, &bye) })
}
