package ws

import (
	"context"
	"io"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
)

const (
	// catchUpBatch is about how many bytes a lagging client is given at once.
	catchUpBatch = 64 << 10

	// closeTimeout is how long a client has to answer a close frame (RFC 6455 §7.1.1).
	closeTimeout = 5 * time.Second
)

// client is one connection and its position in the log.
type client struct {
	set    *Clients
	shard  *shard
	socket *socket
	conn   *websocket.Conn // reads, and answers pings and close frames
	turn   uint32          // decides in which second it is pinged
	left   func()

	goodbye atomic.Pointer[[]byte] // a close frame for catchUp to send

	// The shard's goroutine owns these, but for pos while the client lags: then catchUp's does.
	pos     uint64 // number of the last record that was given to the socket; stale while the client is caught up
	index   int    // in shard.members; -1 when it has left
	lagging bool   // it is left alone by the shard
}

// serve greets the client, hands it to its shard and reads until the connection ends.
func (c *client) serve(hello [][]byte) {
	defer c.leave()
	if len(hello) > 0 && c.socket.send(hello...) != nil {
		return
	}
	if !c.shard.post(func() { c.shard.join(c) }) {
		return
	}
	for {
		// Not to be cancelled: the end of a context would cut the connection without a close code.
		_, message, err := c.conn.Reader(context.Background())
		if err != nil {
			c.set.opts.Logger.Debug("client left", "remote", c.socket.RemoteAddr(), "why", err)
			return
		}
		if err := c.receive(message); err != nil {
			return
		}
	}
}

// receive takes one message of the client, whole.
func (c *client) receive(message io.Reader) error {
	if !c.set.opts.PeerMessages {
		_, err := io.Copy(io.Discard, message)
		return err
	}
	text, err := io.ReadAll(message)
	if err == nil && utf8.Valid(text) {
		c.set.tellPeers(text, c)
	}
	return err
}

func (c *client) leave() {
	c.conn.CloseNow()
	c.shard.post(func() { c.shard.remove(c) })
	c.set.count.Add(-1)
	c.left()
}

// catchUp writes from the log at the client's pace until there is no more, and then gives the client back to its
// shard. It runs on a goroutine of its own.
func (c *client) catchUp() {
	var recs []*eventlog.Record
	var frames [][]byte
	for {
		var err error
		if recs, _, err = c.set.log.Next(recs, c.pos, catchUpBatch); err != nil {
			c.close(tooSlow)
			return
		}
		frames = frames[:0]
		for _, rec := range recs {
			frames = append(frames, rec.Frame())
		}
		if c.socket.send(frames...) != nil {
			c.socket.Close()
			return
		}
		if len(recs) == 0 {
			if frame := c.goodbye.Load(); frame != nil {
				c.close(*frame)
				return
			}
			c.shard.post(func() { c.shard.settle(c) })
			return
		}
		c.pos = recs[len(recs)-1].Position.Seq
		c.shard.sent.Add(uint64(len(recs)))
	}
}

var tooSlow = closeFrame(websocket.StatusTryAgainLater, "too slow")

// close sends a close frame, waiting for the client to take it, and gives it time to answer.
func (c *client) close(frame []byte) {
	if c.socket.send(frame) != nil {
		c.socket.Close()
		return
	}
	c.awaitClose()
}

// awaitClose has the reader give up if the client does not answer the close frame.
func (c *client) awaitClose() { c.socket.SetReadDeadline(time.Now().Add(closeTimeout)) }
