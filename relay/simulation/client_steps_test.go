package simulation

import (
	"strings"

	"wpre-relay/relay/fanout/fanouttest"
)

// connectSome connects a new client, or one that was connected before.
func (s *simulation) connectSome() {
	var c *client
	if len(s.clients) > 0 {
		c = s.clients[s.random.IntN(len(s.clients))]
	}
	if c == nil || c.conn != nil && len(s.clients) < maxSimulated {
		c = &client{s: s, id: len(s.clients) + 1, kind: kind(s.random.IntN(int(kinds)))}
		if c.kind != plain && s.random.IntN(4) == 0 {
			c.only = "a"
		}
		s.clients = append(s.clients, c)
	}
	if c.conn == nil {
		s.settle()
		c.connect()
		s.counts.connections++
	}
	if s.random.IntN(3) > 0 {
		s.pass(acceptTime)
		s.checkNewest(c)
	}
}

// someClient returns a connected client, or nil.
func (s *simulation) someClient() *client {
	if len(s.clients) > 0 {
		if c := s.clients[s.random.IntN(len(s.clients))]; c.conn != nil {
			return c
		}
	}
	return nil
}

func (s *simulation) disconnectSome() {
	if c := s.someClient(); c != nil {
		c.disconnect()
	}
}

// stallSome lets a client stop to read, or continue.
func (s *simulation) stallSome() {
	if c := s.someClient(); c != nil {
		c.stalled = !c.stalled
		c.unhealthy = true
		s.step("client %d is stalled: %v", c.id, c.stalled)
		s.settle()
	}
}

// readSome lets a stalled client read a little.
func (s *simulation) readSome() {
	if c := s.someClient(); c != nil {
		c.read(1 + s.random.IntN(stalledRead))
	}
}

// flood lets a client send more than it may.
func (s *simulation) flood() {
	c := s.someClient()
	if c == nil {
		return
	}
	s.step("client %d floods", c.id)
	c.unhealthy, c.flooded = true, true
	for range s.random.IntN(200) {
		switch s.random.IntN(8) {
		case 0:
			c.conn.send(fanouttest.Masked(0x89, "ping"))
		case 1:
			c.conn.send(fanouttest.Masked(0x81, strings.Repeat("x", s.random.IntN(6000))))
		default:
			c.conn.send(fanouttest.Masked(0x81, "hello"))
		}
	}
	if s.random.IntN(3) == 0 {
		c.conn.send("garbage\xff\x00\x01")
	}
	s.settle()
}

// failHandshakes opens connections that do not become clients.
func (s *simulation) failHandshakes() {
	n := 1 + s.random.IntN(20)
	s.step("%d failed handshakes", n)
	for range n {
		conn := s.process.network.dial(200)
		if conn == nil {
			return
		}
		requests := []string{
			"", "\x16\x03\x01garbage", "GET / HTTP/1.1\r\nHost: relay\r\n", "GET / HTTP/1.1\r\nHost: relay\r\n\r\n",
			"GET /?since=x HTTP/1.1\r\nHost: relay\r\n" + upgrade + "\r\n",
			"GET / HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
			"GET /?last=-1 HTTP/1.1\r\nHost: relay\r\n" + upgrade + "\r\n",
			"GET / HTTP/1.1\r\nHost: relay\r\nX: " + strings.Repeat("x", 20<<10) + "\r\n\r\n",
			"GET /history HTTP/1.1\r\nHost: relay\r\n\r\n",
		}
		conn.send(requests[s.random.IntN(len(requests))])
		switch s.random.IntN(3) {
		case 0:
			conn.hangUp()
		case 1:
			conn.cut(true)
		}
	}
	if s.random.IntN(2) == 0 {
		s.settle()
	}
}
