package simulation

import (
	"encoding/json"

	"wpre-relay/schema"
)

// receive checks an item against the client's position and against what the relay has promised.
func (c *client) receive(i item) {
	sent := c.conn.send(i.answer())
	switch {
	case i.ping != nil:
		c.acknowledge(sent)
	case i.closed:
		c.unhealthy = true
		if c.s.stopping {
			c.saveSession()
		}
		if c.kind != stream {
			c.conn.hangUp()
			c.conn = nil
		}
	case i.gap != nil:
		c.receiveGap(*i.gap)
	case i.document != "" && c.kind == plain:
		c.receivePlain(i.document)
	case i.document != "":
		c.receiveEvent(i.at, i.document)
	case i.at == (schema.Position{}) || c.jumps > 0: // before the events of the catch-up, which have lower numbers
	case c.at == (schema.Position{}):
		c.at = i.at
	case i.at != c.at:
		// The first id of a stream is where the client continues.
		c.hole(i.at.Seq + 1)
		c.at = i.at
	}
}

// receiveEvent checks the number of an event.
func (c *client) receiveEvent(at schema.Position, document string) {
	if problem := c.s.model.see(at, document, c.s.unordered()); problem != "" {
		c.s.problem("client %d gets %v: %s", c.id, at, problem)
	}
	if c.only != "" && typeOf(document) != c.only {
		c.s.problem("client %d gets %v of another type", c.id, at)
	}
	switch {
	case c.at == (schema.Position{}):
	case at.Epoch != c.at.Epoch:
		c.s.problem("client %d gets %v after %v without a gap notice", c.id, at, c.at)
	case at.Seq <= c.at.Seq:
		c.s.problem("client %d gets %v after %v: twice, or in the wrong order", c.id, at, c.at)
	default:
		c.hole(at.Seq)
	}
	if c.first == 0 {
		c.first = at.Seq
	}
	c.at = at
}

// hole checks the numbers between the client's position and seq, which the client does not get.
func (c *client) hole(seq uint64) {
	if seq == c.at.Seq+1 {
		return
	}
	if c.jumps > 0 {
		c.jumps--
		return
	}
	if c.only == "" {
		c.s.problem("client %d gets %d after %v without a gap notice", c.id, seq, c.at)
		return
	}
	for _, r := range c.s.model.of(c.at.Epoch).records {
		if r.seq > c.at.Seq && r.seq < seq && !r.lost && typeOf(r.document) == c.only {
			c.s.problem("client %d does not get %d, which it may see", c.id, r.seq)
		}
	}
}

// receiveGap checks that a gap begins at the client's position, and that the log does not have its events.
func (c *client) receiveGap(g gap) {
	known := c.at != schema.Position{}
	switch {
	case known && g.Since.Epoch == c.at.Epoch && (g.Since.Seq < c.at.Seq || g.Since.Seq > c.at.Seq && c.only == ""):
		c.s.problem("client %d at %v gets a gap since %v", c.id, c.at, g.Since)
	case g.Since.Epoch != g.Until.Epoch:
	case g.Until.Seq < g.Since.Seq && !c.s.excused():
		c.s.problem("client %d gets a gap back from %v to %v", c.id, g.Since, g.Until)
	case c.s.model.of(g.Since.Epoch).retained(g.Since.Seq, g.Until.Seq) && !c.s.excused():
		c.s.problem("client %d gets a gap from %v to %v, which the log has", c.id, g.Since, g.Until)
	}
	c.at = g.Until
}

// receivePlain checks that an event follows the one before. Without positions, a client may miss nothing after its
// first event.
func (c *client) receivePlain(document string) {
	if c.s.unordered() {
		return // the model may not know the event
	}
	all := c.s.model.of(c.s.model.epoch).records
	for i := c.expects; c.expects >= 0 && i <= c.expects+c.session.unsure && i < len(all); i++ {
		if all[i].document == document {
			c.expects, c.session.unsure = i+1, 0
			return
		}
	}
	if c.expects >= 0 && c.jumps == 0 {
		c.s.problem("plain client %d gets %.60s as record %d of %d", c.id, document, c.expects, len(all))
	}
	if c.expects >= 0 {
		c.jumps--
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].document == document {
			c.expects = i + 1
			return
		}
	}
	c.expects = -1
	c.s.problem("plain client %d gets %.60s, which is not in the log", c.id, document)
}

// typeOf returns the type of a document.
func typeOf(document string) string {
	var fields struct{ Type string }
	json.Unmarshal([]byte(document), &fields)
	return fields.Type
}
