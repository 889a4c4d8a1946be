package fanout

import (
	"time"
)

// ping pings those clients whose second it is, and cuts off those that were silent since they were pinged last, or
// have not answered a close frame. It closes those that have expired.
func (s *shard) ping() {
	s.seconds++
	now, interval := time.Now().Unix(), uint32(s.set.opts.PingInterval/time.Second)
	for _, c := range s.members {
		switch {
		case c.closeBy != 0 && s.seconds >= c.closeBy:
			c.end(errUnclosed)
		case c.expires != 0 && now >= c.expires && c.goodbye.Load() == nil:
			bye := c.format.goodbye(CloseExpired)
			bye.now = true
			s.sayGoodbye(c, bye)
		case c.lagging || (c.turn+s.seconds)%interval != 0:
		case !c.alive.Swap(false) && c.format.pongs():
			c.lagging = true
			c.end(errSilent)
		default:
			s.batch.set(c.format.ping(), s.pos)
			s.writeFrame(c)
		}
	}
}

// sendPong answers the last ping, unless catchUp does it.
func (s *shard) sendPong(c *client) {
	if c.lagging {
		return
	}
	pong := c.answer.Swap(nil)
	if pong == nil {
		return
	}
	s.batch.set(*pong, s.pos)
	s.writeFrame(c)
}

// writeFrame writes s.batch, which has one frame, to a live client. If its socket takes none of it now, the client lags,
// and gets the frame before anything else. Under TLS that is always so.
func (s *shard) writeFrame(c *client) {
	switch begun, ok := s.write(c, &s.batch); {
	case ok:
	case begun > 0:
		s.demote(c, s.pos, nil)
	default:
		s.demote(c, s.pos, s.batch.rest(0, 0))
	}
}
