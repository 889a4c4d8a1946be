package server

import (
	"hash/maphash"
	"net"
	"net/http"
	"sync"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/schema"
)

// maxServedVisitors limits the visitors that are remembered as served. Further ones may get the catch-up events
// twice.
const maxServedVisitors = 100_000

// catchUp sends the catch-up events, which happened while no relay was running, to clients that connect for the first
// time within a short time after the start. Their pages were connected to the previous process and reconnect without
// a position.
type catchUp struct {
	after schema.Position // the position before the catch-up events
	last  uint64          // sequence number of the last catch-up event; after.Seq if there are none
	until time.Time
	seed  maphash.Seed

	mu     sync.Mutex
	served map[visitor]bool // guarded by mu; visitors that were sent the events and have disconnected
}

// visitor is a fingerprint of a browser: a hash of the address and of headers that differ between browsers.
type visitor uint64

// newCatchUp returns the catch-up with the records after sequence number seq. It ends after the given duration.
func newCatchUp(log *eventlog.Reader, seq uint64, duration time.Duration) *catchUp {
	return &catchUp{
		after:  schema.Position{Epoch: log.Epoch(), Seq: seq},
		last:   max(seq, log.Head().Seq),
		until:  time.Now().Add(duration),
		seed:   maphash.MakeSeed(),
		served: make(map[visitor]bool),
	}
}

// isActive reports whether clients still get the catch-up events.
func (c *catchUp) isActive() bool { return time.Now().Before(c.until) }

// eventsFor returns the range of the catch-up events if the client of a request should get them, and its fingerprint
// for markServed. A visitor that got them and has disconnected since does not get them again.
//
// The fingerprint is a heuristic. Browsers with the same address, headers and cookies have the same one, such as two
// visitors without cookies behind one NAT who use the same browser version. If one of them has disconnected, the
// others miss the events when they connect. The other error is a browser whose address or cookies have changed since:
// it gets the events twice. Several tabs of one browser get the events each, as long as none has disconnected.
func (c *catchUp) eventsFor(r *http.Request) (*fanout.Range, visitor) {
	if c.last == c.after.Seq || !c.isActive() {
		return nil, 0
	}
	v := c.fingerprint(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.served[v] {
		return nil, 0
	}
	return &fanout.Range{After: c.after.Seq, Until: c.last}, v
}

// markServed records that a client with the catch-up events has disconnected.
func (c *catchUp) markServed(v visitor) {
	if !c.isActive() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.served) < maxServedVisitors {
		c.served[v] = true
	}
}

// fingerprint returns the fingerprint of the browser that sent a request. It does not depend on the port, which is
// new for each connection.
func (c *catchUp) fingerprint(r *http.Request) visitor {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	var hash maphash.Hash
	hash.SetSeed(c.seed)
	hash.WriteString(host)
	for _, name := range []string{"X-Forwarded-For", "User-Agent", "Accept-Language", "Origin", "Cookie"} {
		hash.WriteByte(0)
		hash.WriteString(r.Header.Get(name))
	}
	return visitor(hash.Sum64())
}
