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
}

// beginSession takes the cookie of a response.
func (c *client) beginSession(head string) {
	c.session.lost = false
	if _, after, ok := strings.Cut(head, "Set-Cookie: "); ok {
		c.session.cookie, _, _ = strings.Cut(after, ";")
	}
}

// saveSession records that the connection is lost while the relay has the client's pongs.
func (c *client) saveSession() {
	c.session.lost, c.session.at = c.kind == plain && c.open && c.expects >= 0 && !c.s.unordered(), time.Now()
}

// resumeSession returns the header of the cookie. If the relay knows where the last connection was lost, the next event
// is the one after it.
func (c *client) resumeSession() (header string) {
	behind := len(c.s.model.of(c.s.model.epoch).records) - c.expects
	if age := time.Since(c.session.at); !c.session.lost || age < 0 || age > resumeLimit || behind > resumeRecords {
		c.expects, c.jumps = -1, c.s.process.catchUps()
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
