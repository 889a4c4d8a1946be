package fanout

import (
	"slices"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
)

// farBehind is the number of missing records from which on the limiter applies to a catch-up.
const farBehind = 64

// replay is a part of the log that a client gets before its start.
type replay struct {
	until uint64 // number of the last record
	start uint64 // the client then continues after this number
}

// workspace is the memory for encoding and writing. It is in use only while the socket takes bytes, so there are
// about as many as processors, however many clients catch up.
type workspace struct {
	batch  batch
	frame  []byte // for the rest of one frame
	writer *transfer
}

var workspaces = sync.Pool{New: func() any { return &workspace{writer: newWriter()} }}

// progress is the result of a step of a catch-up.
type progress uint8

const (
	proceed    progress = iota // there is more to send
	socketFull                 // there is more to send, and the socket is full
	finished                   // another goroutine continues
)

// catchUp sends what c holds, and then the log at the client's speed until the client has everything. It then returns
// the client to its shard. It runs on a goroutine of the client. While it waits for the socket, it holds c.unsent only.
func (c *client) catchUp() {
	for {
		step, err := c.catchUpSome()
		if err == nil && step == socketFull {
			err = c.conn.waitWritable(c.waitOnce)
		}
		switch {
		case err != nil:
			c.hold(nil)
			c.end(err)
			return
		case step == finished:
			return
		}
	}
}

// waitOnce waits until the socket takes more bytes, at most for stallTimeout. The poller waits for the clients that it
// reads from, without another descriptor.
func (c *client) waitOnce() error {
	if c.pollID != 0 {
		if ok, err := c.shard.poller.awaitWritable(c); ok {
			return err
		}
	}
	return c.conn.waitOnce()
}

// catchUpSome sends what the socket takes: what c holds, or a batch of the log. It holds a slot of the limiter
// meanwhile, but not during writes that may block.
func (c *client) catchUpSome() (progress, error) {
	limiter := c.catchUpLimiter()
	slot := limiter.acquire()
	if c.ended.Load() { // perhaps while it waited, when many clients lost their connections at once
		limiter.release(slot)
		return finished, errStopped
	}
	if !c.conn.pollable() {
		limiter.release(slot)
		limiter = nil
	}
	defer func() { limiter.release(slot) }()
	w := workspaces.Get().(*workspace)
	defer w.put()
	last := c.unsent != nil && c.unsent.last
	whole, err := c.sendUnsent(w)
	switch {
	case err != nil || !whole:
		return socketFull, err
	case last:
		c.shard.post(func() { c.shard.closeSent(c) })
		return finished, nil
	}
	if c.acks != nil {
		c.acks.sent(c.pos, time.Now())
	}
	message := c.closing.Load()
	if message != nil && message.urgent {
		return proceed, c.hold(&unsent{bytes: message.frame, last: true})
	}
	if pong := c.pong.Swap(nil); pong != nil {
		return proceed, c.hold(&unsent{bytes: *pong})
	}
	return c.catchUpBatch(w, message)
}

// put returns w for reuse.
func (w *workspace) put() {
	w.batch.reset()
	workspaces.Put(w)
}

// catchUpBatch sends the next records that the client sees. If there are none, it returns the client to its shard, or
// prepares to close it with message. It closes the client if the log no longer keeps records that the client needs, and
// its format has no gap notice.
func (c *client) catchUpBatch(w *workspace, message *closeMessage) (progress, error) {
	next, err := c.read(w)
	switch {
	case err != nil:
		return proceed, err
	case c.started && !c.format.positions() && next.missing():
		tooSlow := c.format.closeMessage(CloseTooSlow)
		tooSlow.urgent = true
		c.closing.CompareAndSwap(message, &tooSlow) // fails if the shard has just set another one
		return proceed, nil
	case next.next > c.pos || len(w.batch.joined) > 0:
		return c.sendBatch(w, next)
	case message != nil:
		return proceed, c.hold(&unsent{bytes: message.frame, last: true})
	default:
		c.started = true
		c.shard.post(func() { c.shard.makeLive(c) })
		return finished, nil
	}
}

// read reads the next records from the log and encodes them.
func (c *client) read(w *workspace) (span, error) {
	recs, upTo, _, err := c.set.log.Read(w.batch.recs, c.pos, batchBytes)
	w.batch.recs = recs
	if err != nil {
		return span{}, err
	}
	next := span{recs: recs, from: c.pos, upTo: upTo, next: upTo}
	if c.replay != nil {
		next = next.clip(*c.replay)
	}
	w.batch.fill(c.audience, c.set.log, next)
	return next, nil
}

// clip returns the part of the span that belongs to a replay.
func (s span) clip(r replay) span {
	if s.upTo < r.until {
		return s
	}
	end := slices.IndexFunc(s.recs, func(rec *eventlog.Record) bool { return rec.Position.Seq > r.until })
	if end >= 0 {
		s.recs = s.recs[:end]
	}
	s.upTo, s.next = max(s.from, r.until), r.start
	return s
}

// sendBatch writes w.batch, which has the span next, until the socket is full.
func (c *client) sendBatch(w *workspace, next span) (progress, error) {
	b := &w.batch
	n, _, err := c.conn.write(b.joined, w.writer)
	if err != nil {
		return socketFull, err
	}
	c.started = true
	begun := b.begun(n)
	if begun > 0 {
		last := &b.frames[begun-1]
		c.shard.sent.Add(uint64(last.events))
		c.pos = last.upTo
		c.progress.Store(c.pos)
	}
	if n < len(b.joined) {
		if begun > 0 {
			err = c.hold(b.unsent(begun-1, n))
		}
		return socketFull, err
	}
	if c.pos = next.next; c.replay != nil && next.upTo >= c.replay.until {
		c.replay = nil
	}
	c.progress.Store(c.pos)
	return proceed, nil
}

// catchUpLimiter returns the limiter that applies to the client: none if it is not far behind, since new events must
// not wait for old ones.
func (c *client) catchUpLimiter() catchUpLimiter {
	if head := c.set.log.Head().Seq; head < c.pos+farBehind {
		return nil
	}
	return c.set.limiter
}
