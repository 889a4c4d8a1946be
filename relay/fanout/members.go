package fanout

import "io"

// join adds c, which is greeted with hello.
func (s *shard) join(c *client, hello []byte) {
	switch {
	case c.ended.Load():
		return
	case s.stopping:
		c.end(errStopped)
		return
	case len(s.members) == 0:
		s.pos = s.set.log.Head().Seq
		s.set.finish.reach(s.number, nil, s.pos, false)
	}
	c.index = int32(len(s.members))
	s.members = append(s.members, c)
	s.seat(c)
	if s.closing.ticker != nil {
		s.closing.next = len(s.members) // c came in while a drain is on: begin anew, with c
	}
	if len(hello) > 0 {
		s.demote(c, c.pos, hello)
		return
	}
	s.settle(c)
}

// seat adds c to the audience of its kind.
func (s *shard) seat(c *client) {
	a := s.kinds[c.kind]
	if a == nil {
		a = &audience{kind: c.kind}
		s.kinds[c.kind] = a
	}
	c.peers, c.seat = a, int32(len(a.members))
	a.members = append(a.members, c)
}

// unseat takes c from its audience.
func (s *shard) unseat(c *client) {
	a := c.peers
	last := len(a.members) - 1
	a.members[c.seat] = a.members[last]
	a.members[c.seat].seat = c.seat
	a.members[last] = nil
	if a.members = a.members[:last]; last == 0 {
		delete(s.kinds, c.kind)
	}
	c.peers = nil
}

// settle takes c back if it is where the caught-up clients are, and has it catch up if it is behind.
func (s *shard) settle(c *client) {
	if c.ended.Load() {
		return
	}
	if c.pos > s.pos {
		s.deliverAll()
		c.pos = min(c.pos, s.pos) // no position beyond the head is one of this log
	}
	if c.pos < s.pos || c.goodbye.Load() != nil || c.answer.Load() != nil {
		s.demote(c, c.pos, nil)
		return
	}
	c.lagging, c.begun = false, true
}

// remove takes c out and closes its socket, for which nothing else may be writing: it is done here alone. What was
// written last is still sent if the end is in good order.
func (s *shard) remove(c *client, why error) {
	all := why == io.EOF && c.socket.delivered()
	switch {
	case why != errClosed && why != errToldOff:
		c.socket.abort()
	case c.socket.waits():
		s.set.parts.Go(func() { c.socket.Close() })
	default:
		c.socket.Close()
	}
	c.gone(why, all)
	if c.index < 0 {
		return // it never came
	}
	last := len(s.members) - 1
	s.members[c.index] = s.members[last]
	s.members[c.index].index = c.index
	s.members[last] = nil
	s.members = s.members[:last]
	c.index, c.lagging = -1, true
	s.unseat(c)
	if last == 0 {
		s.set.finish.rest(s.number)
	}
}
