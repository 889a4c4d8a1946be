package fanout

import (
	"slices"
	"time"
)

const (
	// batchBytes is about how many bytes of events a client gets in one write.
	batchBytes = 64 << 10

	// maxSends is the maximum number of clients that one system call writes to. The shard does nothing else meanwhile,
	// and 256 saved little more CPU time (see scripts/docs/benchmark.md).
	maxSends = 128
)

// deliver writes the new records to the settled live clients, about batchBytes of them. If there are more, it wakes
// the shard.
func (s *shard) deliver() {
	if len(s.members) == 0 {
		return
	}
	recs, upTo, grown, err := s.set.log.ReadMemory(s.recs, s.pos, batchBytes)
	s.recs = recs
	if err != nil {
		s.lagAll()
		s.deliver()
		return
	}
	if next := (span{recs: recs, from: s.pos, upTo: upTo, next: upTo}); !next.empty() {
		s.sendAll(next)
		s.pos = upTo
		s.arrivals.await(recs, s.set.log.Capacity())
	}
	clear(recs) // the log alone decides which records stay in memory
	select {
	case <-grown:
		s.wakeUp()
	default:
	}
}

// deliverAll delivers until the live clients have everything.
func (s *shard) deliverAll() {
	for pos := s.pos - 1; pos != s.pos; {
		pos = s.pos
		s.deliver()
	}
}

// lagAll makes all settled live clients lag, because the log has dropped records from memory that the shard has not
// delivered. They read them from the journal, or learn that they are lost.
func (s *shard) lagAll() {
	for _, c := range s.members {
		if c.live() && !c.arriving() {
			s.lag(c, s.pos)
		}
	}
	s.pos = s.set.log.Head().Seq
	s.set.latency.delivered(s.number, nil, s.pos, false)
}

// sendAll writes the span to all settled live clients that see any of it.
func (s *shard) sendAll(next span) {
	now, sent := time.Now(), 0
	for _, group := range s.groups {
		if slices.ContainsFunc(group.members, (*client).live) {
			s.batch.fill(group.audience, s.set.log, next)
			sent += s.sendEach(group.members, next.from, now)
		}
	}
	s.batch.reset()
	s.sent.Add(uint64(sent))
	s.set.latency.delivered(s.number, next.recs, next.upTo, sent > 0)
}

// sendEach writes s.batch to the live ones of all, which have everything up to number from. It returns the number of
// events sent.
func (s *shard) sendEach(all []*client, from uint64, now time.Time) (sent int) {
	if len(s.batch.frames) == 0 {
		return 0
	}
	for clients := range slices.Chunk(all, maxSends) {
		s.sender.send(clients, s.batch.joined)
		for i, c := range clients {
			if !c.lagging {
				sent += s.sendTo(c, i, from, now)
			}
		}
	}
	return sent
}

// sendTo is sendEach for one client, the one with index i in the last call of s.sender.send. It writes to the client
// unless the sender has.
func (s *shard) sendTo(c *client, i int, from uint64, now time.Time) (sent int) {
	n, written, err := s.sender.result(i)
	whole := n == len(s.batch.joined)
	switch {
	case !written:
		n, whole, err = c.conn.tryWrite(s.batch.joined, s.writer)
	case err == nil && c.conn.tls != nil:
		whole, err = c.conn.tls.unstage(n)
		n = len(s.batch.joined)
	}
	begun, ok := s.written(c, n, whole, err)
	upTo := from
	if begun > 0 {
		last := &s.batch.frames[begun-1]
		upTo, sent = last.upTo, last.events
	}
	switch {
	case !ok: // a frame that is begun counts once catchUp has sent the rest
		if c.acks != nil {
			c.acks.sent(s.batch.whole(n, from), now)
		}
		s.lag(c, upTo)
	case c.acks != nil:
		c.acks.sent(upTo, now)
	}
	return sent
}

// sendPeerMessage writes the message to all other live clients of plain WebSocket.
func (s *shard) sendPeerMessage(message peerMessage) {
	s.batch.set(message.frame, s.pos)
	for _, c := range s.members {
		if c.lagging || c == message.from || c.format.positions() {
			continue
		}
		s.writeFrame(c)
	}
}

// writeFrame writes s.batch, which has one frame, to a live client. If the socket does not take all of it now, the
// client lags, and gets the rest before anything else.
func (s *shard) writeFrame(c *client) {
	begun, ok := s.write(c)
	if ok {
		return
	}
	if begun == 0 {
		c.hold(s.batch.unsent(0, 0))
	}
	s.lag(c, s.position(c))
}

// write writes s.batch to c without blocking. It returns how many frames it has begun. If ok is false, the client
// must lag: catchUp then writes the rest of the last frame. If the connection has failed, the client is on its way
// out, and ok is true.
func (s *shard) write(c *client) (begun int, ok bool) {
	n, whole, err := c.conn.tryWrite(s.batch.joined, s.writer)
	return s.written(c, n, whole, err)
}

// written is the rest of write, once n bytes of s.batch must not be written again. If whole is set, the kernel has
// taken everything.
func (s *shard) written(c *client, n int, whole bool, err error) (begun int, ok bool) {
	if err == nil && whole {
		return len(s.batch.frames), true
	}
	if err == nil {
		if begun = s.batch.begun(n); begun > 0 {
			err = c.hold(s.batch.unsent(begun-1, n))
		}
	}
	if err != nil {
		c.lagging = true
		c.end(err)
		return 0, true
	}
	return begun, false
}

// flush writes the bytes that wait for the socket of c. If c lags, catchUp does.
func (s *shard) flush(c *client) {
	if c.live() && !c.conn.flushed() {
		s.lag(c, s.position(c))
	}
}

// lag makes c, which has everything up to number pos, a lagging client. catchUp sends c.unsent before
// anything from the log.
func (s *shard) lag(c *client, pos uint64) {
	c.lagging, c.pos = true, pos
	c.progress.Store(pos)
	s.set.tasks.Go(c.catchUp)
}
