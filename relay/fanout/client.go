package fanout

import (
	"errors"
	"sync/atomic"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
)

// catchUpBatch is about how many bytes a lagging client is given at once.
const catchUpBatch = 64 << 10

// client is one connection and its position in the log. One goroutine reads from it. Another writes: the shard's, or
// that of catchUp while the client lags.
type client struct {
	set    *Clients
	shard  *shard
	socket socket
	left   func()
	turn   uint32 // decides in which second it is pinged
	ended  atomic.Bool
	alive  atomic.Bool // something was read since the last ping

	// The goroutine that reads owns these.
	inbox  inbox
	failed bool // the client broke the protocol: what it says is dropped, until it hangs up
	closed bool // the client has sent a close frame: nothing more is read

	// What the client is to be told besides the events.
	pong    atomic.Pointer[[]byte]
	goodbye atomic.Pointer[goodbye]

	// The shard's goroutine owns these, but for pos while the client lags: then catchUp's does.
	pos     uint64 // number of the last record that was given to the socket; stale while the client is caught up
	index   int32  // in shard.members; -1 when it has left, or not come yet
	lagging bool   // the shard leaves it alone
	closeBy uint32 // in which of the shard's seconds its time to answer a close frame is over; 0 if it has none
}

// goodbye is the end of what a client is told.
type goodbye struct {
	frame  []byte
	now    bool // not behind all events so far
	answer bool // to the client's own
}

var (
	errClosed   = errors.New("closed by the client")
	errSilent   = errors.New("no answer to a ping")
	errUnclosed = errors.New("no answer to a close frame")
	errStopped  = errors.New("the relay stops")
)

// end ends the connection at once. It may be called on any goroutine; only the first call counts.
func (c *client) end(why error) {
	if c.ended.Swap(true) {
		return
	}
	c.set.opts.Logger.Debug("client left", "remote", c.socket.RemoteAddr(), "why", why)
	c.shard.poller.remove(c)
	if !c.shard.post(func() { c.shard.remove(c, why) }) {
		c.socket.abort() // it never joined
	}
	c.left()
	c.set.count.Add(-1)
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
	if c.failed {
		return true
	}
	err := c.inbox.take(p, c.set.opts.MaxMessage, c)
	if failure, ok := errors.AsType[websocket.CloseError](err); ok {
		c.failed, c.inbox = true, inbox{}
		bye := goodbye{frame: closeFrame(failure.Code, failure.Reason), now: true}
		c.shard.post(func() { c.shard.sayGoodbye(c, bye) })
	}
	return !c.closed
}

// ping implements listener. Of several pings only the last need be answered (RFC 6455 §5.5.3), so a flood of them
// costs no more than one.
func (c *client) ping(payload []byte) {
	pong := controlFrame(opPong, payload)
	if c.pong.Swap(&pong) == nil {
		c.shard.post(func() { c.shard.sendPong(c) })
	}
}

// message implements listener.
func (c *client) message(text []byte) {
	if c.set.opts.PeerMessages {
		c.set.tellPeers(text, c)
	}
}

// bye implements listener.
func (c *client) bye(code websocket.StatusCode) {
	c.closed = true
	c.shard.post(func() { c.shard.answerClose(c, code) })
}

// catchUp sends first, and then from the log at the client's pace until there is no more; then it gives the client
// back to its shard. It runs on a goroutine of its own.
func (c *client) catchUp(first [][]byte) {
	if err := c.socket.send(first); err != nil {
		c.end(err)
		return
	}
	var recs []*eventlog.Record
	var frames [][]byte
	for {
		bye := c.goodbye.Load()
		if bye != nil && bye.now {
			c.close(bye)
			return
		}
		var err error
		if recs, _, err = c.set.log.Next(recs, c.pos, catchUpBatch); err != nil {
			c.close(&tooSlow)
			return
		}
		frames = frames[:0]
		for _, rec := range recs {
			frames = append(frames, rec.Frame())
			c.pos = rec.Position.Seq
		}
		if pong := c.pong.Swap(nil); pong != nil {
			frames = append(frames, *pong)
		}
		switch {
		case len(frames) == 0 && bye != nil:
			c.close(bye)
			return
		case len(frames) == 0:
			c.shard.post(func() { c.shard.settle(c) })
			return
		}
		if err := c.socket.send(frames); err != nil {
			c.end(err)
			return
		}
		c.shard.sent.Add(uint64(len(recs)))
	}
}

var tooSlow = goodbye{frame: closeFrame(websocket.StatusTryAgainLater, "too slow")}

// close says goodbye, waiting for the client to take it.
func (c *client) close(bye *goodbye) {
	if err := c.socket.send([][]byte{bye.frame}); err != nil {
		c.end(err)
		return
	}
	c.shard.post(func() { c.shard.saidGoodbye(c, bye) })
}
