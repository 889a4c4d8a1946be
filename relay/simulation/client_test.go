package simulation

import (
	"fmt"
	"strings"

	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/schema"
)

// kind is the protocol of a client.
type kind int

const (
	plain kind = iota
	enveloped
	stream
	kinds
)

func (k kind) String() string { return []string{"plain", "enveloped", "stream"}[k] }

// client is a client with its position, over all its connections. It checks everything that it gets.
type client struct {
	s    *simulation
	id   int
	kind kind
	only string // it gets events of this type only; "": all

	// Of the present connection.
	conn      *connection // nil while there is none
	input     []byte      // bytes that are not parsed yet
	open      bool        // the handshake has succeeded
	stalled   bool        // it does not read
	unhealthy bool        // the relay may end the connection
	flooded   bool        // it has sent more than it may, so that the relay may not read it any more
	jumps     int         // how often a number may be higher than expected: the client began without a position
	newest    int         // it has asked for this many events; 0: it has not
	first     uint64      // number of its first event; 0: none

	// Of all connections.
	at      schema.Position // everything up to here was received, or a gap notice; zero if unknown
	expects int             // for a plain client: index of the next record in its epoch; -1 if unknown
	session session         // of a plain client
}

// connect begins a connection with a random way to resume.
func (c *client) connect() {
	target, header := c.request()
	conn := c.s.process.network.dial(byte(c.id))
	_, resume, _ := strings.Cut(strings.TrimSpace(header), "Last-Event-ID")
	c.s.step("client %d (%s) connects: %s %s", c.id, c.kind, target, resume)
	if conn == nil {
		return
	}
	c.conn, c.input = conn, nil
	c.open, c.stalled, c.unhealthy, c.flooded = false, false, false, false
	conn.send("GET " + target + " HTTP/1.1\r\nHost: relay\r\n" + header + "\r\n")
}

// upgrade is the header of a WebSocket handshake.
const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

// request returns the target and the header of a request. A client with a position mostly resumes there.
func (c *client) request() (target, header string) {
	target, header = "/?", upgrade
	switch c.kind {
	case stream:
		target, header = "/events?", "Accept: text/event-stream\r\n"
	case enveloped:
		header += "Sec-WebSocket-Protocol: " + fanout.Subprotocol + "\r\n"
	}
	if c.only != "" {
		target += "types=" + c.only + "&"
	}
	random := c.s.random
	resumes := c.at != schema.Position{} && random.IntN(8) != 0
	c.jumps, c.newest, c.first = 0, 0, 0
	switch {
	case c.kind == plain:
		header += c.resumeSession()
	case resumes && c.kind == stream && random.IntN(2) == 0:
		header += "Last-Event-ID: " + c.at.String() + "\r\n"
	case resumes && c.kind == stream && random.IntN(2) == 0:
		target += "last_event_id=" + c.at.String()
	case resumes:
		target += "since=" + c.at.String()
	default:
		c.at = schema.Position{}
		target += c.begin()
	}
	return target, header
}

// begin returns the parameter of a client that has no position.
func (c *client) begin() string {
	switch c.s.random.IntN(3) {
	case 0:
		return "since=now"
	case 1:
		c.newest = c.s.random.IntN(2 * records)
		return fmt.Sprintf("last=%d", c.newest)
	default:
		c.jumps = c.s.process.catchUps()
		return ""
	}
}

// disconnect ends the connection, with or without a close frame.
func (c *client) disconnect() {
	polite := c.kind != stream && c.s.random.IntN(2) == 0
	c.s.step("client %d disconnects, politely %v", c.id, polite)
	if polite {
		c.conn.send(fanouttest.Masked(0x88, fanouttest.ClosePayload(1000, "")))
		c.conn.hangUp()
	} else {
		c.s.settle() // so that the relay has got the pongs
		c.saveSession()
		c.cut()
	}
	c.conn = nil
}

// cut breaks the connection, if the relay has not closed it.
func (c *client) cut() {
	if c.conn != nil {
		c.conn.cut(true)
	}
}

// read reads up to limit bytes. It reports whether there were any.
func (c *client) read(limit int) bool {
	if c.conn == nil || c.stalled && limit > stalledRead {
		return false
	}
	p, open := c.conn.out.take(limit)
	c.input = append(c.input, p...)
	c.parse()
	if !open && c.conn != nil {
		if !c.unhealthy && c.open && !c.s.mayClose() {
			c.s.problem("client %d was disconnected without a reason", c.id)
		}
		if c.s.stopping {
			c.saveSession()
		}
		c.conn.hangUp()
		c.conn = nil
	}
	return len(p) > 0
}

// parse handles all complete messages.
func (c *client) parse() {
	if !c.open && !c.parseResponse() {
		return
	}
	for c.conn != nil {
		i, ok, err := c.next()
		if err != nil {
			c.s.problem("client %d: %v", c.id, err)
			return
		}
		if !ok {
			return
		}
		c.receive(i)
	}
}

// parseResponse handles the head of the response. It reports whether the client is connected.
func (c *client) parseResponse() bool {
	status, head := nextResponse(c.input)
	if head == nil {
		return false
	}
	c.input = c.input[len(head):]
	rejected := string(c.input)
	switch {
	case status == 101 && c.kind != stream:
		c.open = true
		c.beginSession(string(head))
		return true
	case status == 200 && c.kind == stream && !strings.Contains(rejected, "event: rejected"):
		c.open = true
		return true
	case c.s.process.server.Status().Clients < maxClients && !c.s.mayClose():
		c.s.problem("client %d is rejected: %s%s", c.id, head, rejected)
	}
	c.conn.hangUp()
	c.conn = nil
	return false
}

// next removes the first complete message from the input.
func (c *client) next() (i item, ok bool, err error) {
	if c.kind == stream {
		block, rest, found := strings.Cut(string(c.input), "\n\n")
		if !found {
			return i, false, nil
		}
		c.input = []byte(rest)
		i, err = parseBlock(block)
		return i, true, err
	}
	opcode, payload, rest, found := nextFrame(c.input)
	if !found {
		return i, false, nil
	}
	i, err = parseFrame(opcode, payload, c.kind == enveloped)
	c.input = rest
	return i, true, err
}
