package simulation

import (
	"strings"
	"time"
)

const (
	// resumeLimit is shorter than the relay keeps a session.
	resumeLimit = 100 * time.Second

	// resumeRecords is fewer than the log keeps.
	resumeRecords = 32
)

// session is the state of a browser that resumes by its cookie.
type session struct {
	cookie string
	lost   bool      // the relay should know where the connection was lost
	at     time.Time // when it was lost
	acked  int       // what the client expected at its newest pong that the relay has read; -1 if unknown
	unsure int       // the relay may count so many records more as delivered: the client has read them since
}

// acknowledge records that the client has answered a ping. The relay does not read a client that has violated its
// limits, nor one that it has cut off.
func (c *client) acknowledge(sent bool) {
	if sent && !c.flooded && !c.s.unordered() {
		c.session.acked = c.expects
	}
}

// beginSession takes the cookie of a response.
func (c *client) beginSession(head string) {
	c.session.lost = false
	if _, after, ok := strings.Cut(head, "Set-Cookie: "); ok {
		c.session.cookie, _, _ = strings.Cut(after, ";")
	}
}

// saveSession records that the connection is lost, since the relay has closed it, or now.
func (c *client) saveSession() {
	known := c.kind == plain && c.open && c.session.acked >= 0
	c.session.lost, c.session.at = known && !c.s.unordered(), c.conn.out.end()
}

// resumeSession returns the header of the cookie. If the relay knows where the last connection was lost, the next event
// is the one after the newest pong. The client may get later events twice, because only pongs tell the relay which
// events arrived.
func (c *client) resumeSession() (header string) {
	acked := c.session.acked
	behind := len(c.s.model.of(c.s.model.epoch).records) - acked
	if age := time.Since(c.session.at); !c.session.lost || age < 0 || age > resumeLimit || behind > resumeRecords {
		c.expects, c.session.acked, c.session.unsure, c.jumps = -1, -1, 0, c.s.process.catchUps()
	} else {
		c.expects, c.session.unsure = acked, c.session.unsure+c.expects-acked
	}
	if c.session.cookie == "" {
		return ""
	}
	return "Cookie: " + c.session.cookie + "\r\n"
}

// checkNewest checks that a client that has asked for the newest events begins there.
func (s *simulation) checkNewest(c *client) {
	var kept []uint64
	for _, r := range s.model.of(s.model.epoch).records {
		if !r.lost {
			kept = append(kept, r.seq)
		}
	}
	n := c.newest
	if c.open && c.only == "" && n > 0 && n <= min(records, len(kept)) && c.first != kept[len(kept)-n] && !s.mayClose() {
		s.problem("client %d begins with %d, want %d", c.id, c.first, kept[len(kept)-n])
	}
}
