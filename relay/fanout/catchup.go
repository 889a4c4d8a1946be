package fanout

import (
	"sync"
	"time"
)

// farBehind is the number of missing records from which on the limiter applies to a catch-up.
const farBehind = 64

// catchUp sends first, and then the log at the client's speed until the client has everything. It then returns the
// client to its shard. It runs on a goroutine of the client.
func (c *client) catchUp(first []byte) {
	if err := c.conn.send(first, nil); err != nil {
		c.end(err)
		return
	}
	if c.acks != nil {
		c.acks.sent(c.pos, time.Now())
	}
	for {
		message := c.closing.Load()
		if message != nil && message.urgent {
			c.close(*message)
			return
		}
		more, lost, err := c.catchUpBatch()
		switch {
		case err != nil:
			c.end(err)
			return
		case lost:
			tooSlow := c.format.closeMessage(CloseTooSlow)
			tooSlow.urgent = true
			c.closing.CompareAndSwap(message, &tooSlow) // fails if the shard has just set another one
		case more:
		case message != nil:
			c.close(*message)
			return
		default:
			c.shard.post(func() { c.shard.makeLive(c) })
			return
		}
	}
}

// batches are reused by catchUpBatch.
var batches = sync.Pool{New: func() any { return new(batch) }}

// catchUpBatch sends the next records that the client sees, and a pong if one is due. It reports whether there was
// anything to send. It sends nothing and reports lost if the log no longer keeps records that the client needs, and
// its format has no gap notice.
func (c *client) catchUpBatch() (more, lost bool, err error) {
	b := batches.Get().(*batch)
	defer batches.Put(b)
	limiter := c.catchUpLimiter()
	next, err := c.fill(b, limiter)
	defer func() { clear(b.recs) }() // the log alone decides which records stay in memory
	if err != nil {
		return false, false, err
	}
	if c.started && !c.format.positions() && next.missing() {
		return false, true, nil
	}
	if err := c.conn.send(b.joined, limiter); err != nil {
		return false, false, err
	}
	more = next.upTo > c.pos || len(b.joined) > 0
	c.started, c.pos = true, next.upTo
	if c.acks != nil && b.events() > 0 {
		c.acks.sent(next.upTo, time.Now())
	}
	c.shard.sent.Add(uint64(b.events()))
	return more, false, nil
}

// fill reads the next records from the log into b, and adds a pong if one is due. It holds a slot of the limiter
// meanwhile.
func (c *client) fill(b *batch, limiter catchUpLimiter) (span, error) {
	slot := limiter.acquire()
	defer limiter.release(slot)
	recs, upTo, _, err := c.set.log.Read(b.recs, c.pos, batchBytes)
	b.recs = recs
	if err != nil {
		return span{}, err
	}
	next := span{recs, c.pos, upTo}
	b.fill(c.audience, c.set.log.Epoch(), next)
	if pong := c.pong.Swap(nil); pong != nil {
		b.joined = append(b.joined, *pong...)
	}
	return next, nil
}

// catchUpLimiter returns the limiter that applies to the client: none if it is not far behind, since new events must
// not wait for old ones.
func (c *client) catchUpLimiter() catchUpLimiter {
	if head := c.set.log.Head().Seq; head < c.pos+farBehind {
		return nil
	}
	return c.set.limiter
}

// close sends the close message. It blocks until the kernel has taken it.
func (c *client) close(message closeMessage) {
	if err := c.conn.send(message.frame, nil); err != nil {
		c.end(err)
		return
	}
	c.shard.post(func() { c.shard.closeSent(c) })
}
