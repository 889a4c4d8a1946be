package fanout

import (
	"io"
	"time"
)

// join adds c to the shard. The client gets initial before anything from the log.
func (s *shard) join(c *client, initial []byte) {
	switch {
	case s.stopping:
		c.end(errStopped)
		return
	case len(s.members) == 0:
		s.pos = s.set.log.Head().Seq
		s.set.latency.delivered(s.number, nil, s.pos, false)
	}
	c.index = int32(len(s.members))
	s.members = append(s.members, c)
	now := time.Now()
	inHerd := s.herd.join(now, s.set.opts.HerdJoins)
	if s.inHerd.Store(inHerd); inHerd {
		s.arrivals.add(c)
		s.unsettleNewest(now)
	} else {
		s.addToGroup(c)
	}
	s.drain.restart(len(s.members))
	if !c.inputClosed {
		s.startReading(c)
	}
	if len(initial) > 0 || c.replay != nil {
		c.unsent = &unsent{bytes: initial} // small, and the empty socket takes it at once
		s.lag(c, c.pos)
		return
	}
	s.makeLive(c)
}

// startReading reads from c until its connection ends: by the poller if it can, else on a goroutine.
func (s *shard) startReading(c *client) {
	if c.conn.tls != nil {
		if !c.readTLS(make([]byte, earlyBuffer)) { // epoll does not know what crypto/tls has read
			return
		}
		releaseHandshake(c.conn.tls.secure)
	}
	if c.conn.pollable() && s.poller == nil {
		if s.poller = newPoller(); s.poller != nil {
			s.pollers.Go(s.poller.run)
		}
	}
	if !s.poller.add(c) {
		s.set.tasks.Go(c.readLoop)
	}
}

// makeLive makes c live if it has everything that the settled live clients have, or if it is an arrival that is not far
// behind. Otherwise the client lags.
func (s *shard) makeLive(c *client) {
	if c.ended.Load() {
		return
	}
	allowed := uint64(0) // number of missing records
	if c.arriving() {
		allowed = farBehind
		c.pos = min(c.pos, s.set.log.Head().Seq) // the log has no record beyond the head
	} else if c.pos > s.pos {
		s.deliverAll()
		c.pos = min(c.pos, s.pos)
	}
	if c.pos+allowed < s.pos || c.closing.Load() != nil || c.pong.Load() != nil || !c.conn.flushed() {
		s.lag(c, c.pos)
		return
	}
	c.lagging, c.started = false, true
}

// remove removes c, whose connection ended with err, and closes the connection. The kernel still sends its buffered
// bytes if both sides have sent a close frame, and drops them otherwise.
func (s *shard) remove(c *client, err error) {
	s.poller.remove(c)
	allAcked := err == io.EOF && c.conn.allAcked()
	switch {
	case !closeCompleted(err):
		c.conn.abort()
	case c.conn.closeBlocks():
		s.set.tasks.Go(func() { c.conn.Close() })
	default:
		c.conn.Close()
	}
	c.disconnected(err, allAcked)
	if c.index >= 0 {
		s.removeMember(c)
	}
}

// removeMember removes c from the members, and from its group or from the arrivals.
func (s *shard) removeMember(c *client) {
	last := len(s.members) - 1
	s.members[c.index] = s.members[last]
	s.members[c.index].index = c.index
	s.members[last] = nil
	s.members = s.members[:last]
	c.index, c.lagging = -1, true
	if c.arriving() {
		s.arrivals.remove(c)
	} else {
		s.removeFromGroup(c)
	}
	if last == 0 {
		s.set.latency.idle(s.number)
	}
}

// addToGroup adds c to the group of its audience.
func (s *shard) addToGroup(c *client) {
	group := s.groups[c.audience]
	if group == nil {
		group = &audienceGroup{audience: c.audience}
		s.groups[c.audience] = group
	}
	c.group, c.groupIndex = group, int32(len(group.members))
	group.members = append(group.members, c)
}

// removeFromGroup removes c from the group of its audience.
func (s *shard) removeFromGroup(c *client) {
	group := c.group
	if group.members = c.removeFrom(group.members); len(group.members) == 0 {
		delete(s.groups, c.audience)
	}
	c.group = nil
}

// removeFrom removes c from clients, each of which is at its groupIndex. The last one takes its place.
func (c *client) removeFrom(clients []*client) []*client {
	last := len(clients) - 1
	clients[c.groupIndex] = clients[last]
	clients[c.groupIndex].groupIndex = c.groupIndex
	clients[last] = nil
	return clients[:last]
}
