package fanout

import (
	"time"

	"github.com/coder/websocket"
)

// closeTimeout is how long a client may take to answer a close frame (RFC 6455 §7.1.1), to a second.
const closeTimeout = 5 * time.Second

// closeMessage is the last message to a client.
type closeMessage struct {
	reason CloseReason
	frame  []byte // nil if the format has none, or if a part is sent and client.unsent has the rest
	urgent bool   // sent before the remaining events, not after them
	end    error  // ends the connection once the frame is sent; nil: the client must answer first
}

// answerClose handles a close frame of the client (RFC 6455 §5.5.1). It ends the connection if that answers the
// relay's close frame, and answers it otherwise. If catchUp has not reported yet that it has sent the relay's, the
// two may have crossed: the connection then ends when it does.
func (s *shard) answerClose(c *client, code websocket.StatusCode) {
	message := c.closing.Load()
	switch {
	case message == nil:
		reason := CloseReason{Code: code}
		s.sendClose(c, closeMessage{reason: reason, frame: closeFrame(reason), urgent: true, end: errClosedByClient})
	case c.closeLimit != 0:
		c.end(errClosedByRelay)
	default:
		crossed := *message
		crossed.urgent, crossed.end = true, errClosesCrossed
		c.closing.Store(&crossed)
	}
}

// sendClose makes message the last one to c, and sends it. If c lags, or is an arrival that misses events, catchUp
// sends it.
func (s *shard) sendClose(c *client, message closeMessage) {
	c.closing.Store(&message)
	switch {
	case c.lagging:
		return
	case s.position(c) < s.pos:
		s.lag(c, c.pos)
		return
	}
	s.batch.set(message.frame, s.pos)
	begun, ok := s.write(c)
	switch {
	case ok:
		s.closeSent(c)
	case begun > 0: // catchUp sends the rest of the frame first
		c.closing.Store(&closeMessage{reason: message.reason, urgent: true, end: message.end})
		fallthrough
	default:
		s.lag(c, s.position(c))
	}
}

// closeSent ends the connection of a client that has got its last message, or gives the client time to answer.
func (s *shard) closeSent(c *client) {
	c.lagging = true
	if end := c.closing.Load().end; end != nil {
		c.end(end)
		return
	}
	c.closeLimit = s.seconds + uint32(closeTimeout/time.Second) + 1
}

// cutOff ends the connections of all clients, without a close frame.
func (s *shard) cutOff() {
	for _, c := range s.members {
		c.lagging = true
		c.end(errStopped)
	}
}
