package server

import "wpre-relay/relay/fanout"

// connection holds the resources of one client, from its request to its disconnect. It ends with exactly one call:
// undo if the request does not become a client, and disconnected if it does.
type connection struct {
	server  *Server
	release func()   // frees the slot in admission
	session *session // nil for a client without a session
	visitor visitor  // of a client that gets the catch-up events, else 0
}

// prepare authenticates the client and fills in its configuration. The caller must call undo if it returns a
// rejection.
func (c *connection) prepare(req request, config *fanout.ClientConfig) *rejection {
	id, rejected := c.server.authenticate(req)
	if rejected != nil {
		return rejected
	}
	config.View, config.Expires, config.Subprotocol = id.view, id.Expires, id.Subprotocol
	config.OnMessage = c.server.onMessage(id)
	return c.resume(req, config)
}

// undo reverts prepare for a request that has not become a client.
func (c *connection) undo() {
	if c.session != nil {
		c.session.restore()
	}
	c.release()
}

// disconnected records the end of the client's connection.
func (c *connection) disconnected(end fanout.Disconnect) {
	s := c.server
	s.closes.add(end.CodeLabel())
	if c.session != nil && end.EndedBy != fanout.EndedByClient {
		c.session.save(end.LastDelivered)
	}
	if c.visitor != 0 {
		s.catchUp.markServed(c.visitor)
	}
	c.release()
}
