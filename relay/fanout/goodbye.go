package fanout

import (
	"time"

	"github.com/coder/websocket"
)

const (
	// drainStep is the pace of a drain.
	drainStep = time.Millisecond

	// closeTimeout is how long a client has to answer a close frame (RFC 6455 §7.1.1), to a second.
	closeTimeout = 5 * time.Second
)

// goodbye is the end of what a client is told.
type goodbye struct {
	reason CloseReason
	frame  []byte
	now    bool  // not behind all events so far
	end    error // the connection ends behind it for this reason; nil if the client is to answer first
}

// answerClose ends the connection with a client that has sent a close frame, after one in return unless it has had
// one (RFC 6455 §5.5.1).
func (s *shard) answerClose(c *client, code websocket.StatusCode) {
	if c.goodbye.Load() != nil {
		c.end(errToldOff)
		return
	}
	s.sayGoodbye(c, goodbye{reason: CloseReason{Code: code}, frame: closeFrame(CloseReason{Code: code}), now: true, end: errClosed})
}

// sayGoodbye sends a close frame, or has catchUp do it, and nothing after.
func (s *shard) sayGoodbye(c *client, bye goodbye) {
	c.goodbye.Store(&bye)
	if c.lagging {
		return
	}
	s.batch.set(bye.frame, s.pos)
	begun, ok := s.write(c, &s.batch)
	switch {
	case ok:
		s.saidGoodbye(c, &bye)
	case begun > 0: // what is left of the frame goes out with the next
		c.goodbye.Store(&goodbye{reason: bye.reason, now: true, end: bye.end})
		fallthrough
	default:
		s.demote(c, s.pos, nil)
	}
}

// saidGoodbye ends the connection, or gives the client time to answer.
func (s *shard) saidGoodbye(c *client, bye *goodbye) {
	c.lagging = true
	if bye.end != nil {
		c.end(bye.end)
		return
	}
	c.closeBy = s.seconds + uint32(closeTimeout/time.Second) + 1
}

// drainState is how far a drain has come.
type drainState struct {
	reason  CloseReason
	ticker  *time.Ticker // nil while there is none
	perTick int
	next    int // members from here on have been told
}

// drain begins to close all clients for a reason, spread over at most the given time.
func (s *shard) drain(reason CloseReason, over time.Duration) {
	n := len(s.members)
	ticks := max(1, min(int(over/drainStep), n))
	s.closing = drainState{
		reason:  reason,
		ticker:  time.NewTicker(drainStep),
		perTick: (n + ticks - 1) / ticks,
		next:    n,
	}
}

// tick is ready when more clients are to be closed.
func (d *drainState) tick() <-chan time.Time {
	if d.ticker == nil {
		return nil
	}
	return d.ticker.C
}

// drainSome tells the next few clients goodbye, behind all events so far. Those that leave meanwhile only move
// members that were told.
func (s *shard) drainSome() {
	s.deliverAll()
	d := &s.closing
	d.next = min(d.next, len(s.members))
	for range min(d.perTick, d.next) {
		d.next--
		if c := s.members[d.next]; c.goodbye.Load() == nil {
			s.sayGoodbye(c, c.format.goodbye(d.reason))
		}
	}
}

// cutOff closes all connections without a word.
func (s *shard) cutOff() {
	for _, c := range s.members {
		c.lagging = true
		c.end(errStopped)
	}
}
