package fanout

import "time"

const (
	// drainStep is the time between two steps of a drain.
	drainStep = time.Millisecond

	// drainGrace is how long the last clients may take to answer their close frames. It is less than closeTimeout, so
	// that a relay stops within 5 s after --drain.
	drainGrace = 2 * time.Second

	// cutOffLimit bounds the wait for clients that are cut off. Their connections are closed without waiting for the
	// network, so it is reached only if the machine is overloaded. Saving the sessions then still has some time left
	// before the relay must end.
	cutOffLimit = 250 * time.Millisecond
)

// drain is the progress of closing all clients of a shard. The zero value is no drain.
type drain struct {
	reason  CloseReason
	ticker  *time.Ticker // nil if there is no drain
	perTick int
	left    int // the first so many members have not been closed yet
}

// startDrain starts to close all clients for a reason, spread over at most the given time.
func (s *shard) startDrain(reason CloseReason, over time.Duration) {
	n := len(s.members)
	ticks := max(1, min(int(over/drainStep), n))
	s.drain = drain{
		reason:  reason,
		ticker:  time.NewTicker(drainStep),
		perTick: max(1, (n+ticks-1)/ticks), // a client may join a shard that has none
		left:    n,
	}
}

// drainSome closes the next few clients, which get all events so far before that. A client that leaves meanwhile
// changes places only with members that have been closed.
func (s *shard) drainSome() {
	s.deliverAll()
	d := &s.drain
	d.left = min(d.left, len(s.members))
	for range min(d.perTick, d.left) {
		d.left--
		if c := s.members[d.left]; c.closing.Load() == nil {
			s.sendClose(c, c.format.closeMessage(d.reason))
		}
	}
}

// tick returns a channel that receives when more clients must be closed.
func (d *drain) tick() <-chan time.Time {
	if d.ticker == nil {
		return nil
	}
	return d.ticker.C
}

// restart makes a drain begin again with all members, because a client has joined.
func (d *drain) restart(members int) {
	if d.ticker != nil {
		d.left = members
	}
}

// stop ends the drain, if there is one.
func (d *drain) stop() {
	if d.ticker != nil {
		d.ticker.Stop()
	}
}
