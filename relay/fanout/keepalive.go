package fanout

import "time"

// everySecond cuts off clients that have not answered a close frame or a ping in time, closes expired clients, and
// pings the clients whose second it is.
func (s *shard) everySecond() {
	s.seconds++
	now, interval := time.Now().Unix(), uint32(s.set.opts.PingInterval/time.Second)
	for _, c := range s.members {
		switch {
		case c.closeLimit != 0 && s.seconds >= c.closeLimit:
			c.end(errCloseTimeout)
		case c.expires != 0 && now >= c.expires && c.closing.Load() == nil:
			message := c.format.closeMessage(CloseExpired)
			message.urgent = true
			s.sendClose(c, message)
		case c.lagging || (c.pingOffset+s.seconds)%interval != 0:
		case !c.alive.Swap(false) && c.format.answersPings():
			c.lagging = true
			c.end(errPingTimeout)
		default:
			s.batch.set(c.format.ping(), s.pos)
			s.writeFrame(c)
		}
	}
}

// sendPong answers the newest ping of a live client. If the client lags, catchUp answers.
func (s *shard) sendPong(c *client) {
	if c.lagging {
		return
	}
	pong := c.pong.Swap(nil)
	if pong == nil {
		return
	}
	s.batch.set(*pong, s.pos)
	s.writeFrame(c)
}
