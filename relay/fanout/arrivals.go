package fanout

import (
	"time"

	"wpre-relay/relay/eventlog"
)

const (
	// minArrivalPause and maxArrivalPause bound the time between two passes over the arrivals, which is arrivalPause in
	// units of the time of the last pass. So passes take a tenth of the time, and handshakes have the rest. Events reach
	// arrivals later by a pause and a pass.
	minArrivalPause = 100 * time.Millisecond
	maxArrivalPause = time.Second
	arrivalPause    = 9

	// maxArriving is how long after its connect a client is an arrival at most. The next pass then settles it, so that it
	// may take another second, a pause and a pass. A herd of 15,000 takes 2 to 25 seconds, by the machine.
	maxArriving = 10 * time.Second

	// maxArrivalBytes is the size of the events, in bytes, for which a pass begins early. A client that misses batchBytes
	// must catch up by itself.
	maxArrivalBytes = batchBytes * 3 / 4
)

// arrivals is the clients of a shard that have joined in a herd. All other clients are settled and get each event at
// once. Arrivals get several events together: the shard makes a pass over them, and pauses before the next pass. A
// pass serves a few of them at a time. Between two such steps the shard delivers new events to the settled clients, and
// other goroutines make handshakes. So neither waits for a pass over thousands of arrivals.
//
// An arrival is live or lagging, like a settled client. While it is live, it may have fewer events than the shard has
// delivered, so its position is in the client. A pass settles the arrivals once the herd is over, and each after
// maxArriving.
type arrivals struct {
	clients []*client   // each at its groupIndex
	left    int         // the pass has not served the first so many clients; 0 between two passes
	begin   time.Time   // of the pass
	over    bool        // the pass settles all arrivals
	timer   *time.Timer // begins a pass or continues it; nil before the first arrival

	// Events that settled clients got since the begin of the last pass.
	records, bytes int

	step []*client // memory for serveArrivals; at most maxSends
}

// add adds c, which is not in a group.
func (a *arrivals) add(c *client) {
	c.groupIndex = int32(len(a.clients))
	if a.clients = append(a.clients, c); len(a.clients) == 1 {
		a.records, a.bytes = 0, 0
		a.next(minArrivalPause)
	}
}

// remove removes c. If the pass has not served c, it changes places with an arrival that the pass serves again.
func (a *arrivals) remove(c *client) {
	a.clients = c.removeFrom(a.clients)
	a.left = min(a.left, len(a.clients))
}

// next lets due receive after the given time.
func (a *arrivals) next(pause time.Duration) {
	if a.timer == nil {
		a.timer = time.NewTimer(pause)
		return
	}
	a.timer.Reset(pause)
}

// due returns a channel that receives when serveArrivals must be called. It is nil before the first arrival.
func (a *arrivals) due() <-chan time.Time {
	if a.timer == nil {
		return nil
	}
	return a.timer.C
}

// await counts records that the arrivals will get. It begins the next pass early if they are many: before they exceed
// one write, and before the log drops them from its memory, which has the given number of records.
func (a *arrivals) await(recs []*eventlog.Record, memory int) {
	if len(a.clients) == 0 {
		return
	}
	for _, rec := range recs {
		a.bytes += len(rec.Event.Document)
	}
	a.records += len(recs)
	if a.left == 0 && (a.bytes >= maxArrivalBytes || a.records >= memory/2) {
		a.next(0)
	}
}

// stop stops the timer.
func (a *arrivals) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

// serveArrivals makes the next step of a pass, or the first one of a new pass: up to maxSends arrivals get the events
// that the settled clients have. It serves the last arrivals first, so that clients that join meanwhile wait for the
// next pass.
func (s *shard) serveArrivals() {
	a, now := &s.arrivals, time.Now()
	if a.left == 0 {
		a.left, a.records, a.bytes = len(a.clients), 0, 0
		a.begin, a.over = now, s.herd.over(now)
	}
	begin := max(0, a.left-maxSends)
	a.step = append(a.step[:0], a.clients[begin:a.left]...)
	a.left = begin
	s.sendArrivals(a.step, now)
	for _, c := range a.step {
		if a.over || now.Unix() >= c.since+int64(maxArriving/time.Second) {
			s.settle(c)
		}
	}
	clear(a.step)
	switch {
	case a.left > 0:
		a.next(0)
	case len(a.clients) > 0:
		a.next(min(max(minArrivalPause, arrivalPause*time.Since(a.begin)), maxArrivalPause))
	}
}

// sendArrivals writes the events up to number s.pos to the live ones of clients, whose order it changes.
func (s *shard) sendArrivals(clients []*client, now time.Time) {
	sent := 0
	for live := clients[:partition(clients, (*client).live)]; len(live) > 0; {
		pos, audience := live[0].pos, live[0].audience
		n := partition(live, func(c *client) bool { return c.pos == pos && c.audience == audience })
		if pos < s.pos {
			sent += s.sendFrom(live[:n], pos, now)
		}
		live = live[n:]
	}
	s.batch.reset()
	s.sent.Add(uint64(sent))
}

// partition moves the clients for which first reports true to the front, and returns their number.
func partition(clients []*client, first func(*client) bool) (n int) {
	for i, c := range clients {
		if first(c) {
			clients[i], clients[n] = clients[n], c
			n++
		}
	}
	return n
}

// sendFrom writes the events from after number pos to s.pos to live arrivals of one audience, which have everything up
// to number pos. It returns the number of events sent. Clients catch up by themselves if the log has lost some of the
// records, or does not have them in memory, or if they are more than batchBytes.
func (s *shard) sendFrom(clients []*client, pos uint64, now time.Time) (sent int) {
	recs, upTo, _, err := s.set.log.ReadMemory(s.recs, pos, batchBytes)
	s.recs = recs
	defer clear(recs)
	next := span{recs: recs, from: pos, upTo: upTo}.clip(replay{until: s.pos, start: s.pos})
	if err != nil || next.upTo < s.pos || next.missing() {
		for _, c := range clients {
			s.lag(c, pos)
		}
		return 0
	}
	s.batch.fill(clients[0].audience, s.set.log, next)
	sent = s.sendEach(clients, pos, now)
	for _, c := range clients {
		if c.live() {
			c.pos = s.pos
		}
	}
	return sent
}

// settle makes an arrival a settled client.
func (s *shard) settle(c *client) {
	s.arrivals.remove(c)
	s.addToGroup(c)
	if c.live() {
		c.lagging = true // makeLive may deliver to the group before c has the same position
		s.makeLive(c)
	}
}

// unsettleNewest makes the first clients of a herd arrivals when it begins: of as many of the newest members, the
// settled ones that have connected in the last second or two.
func (s *shard) unsettleNewest(now time.Time) {
	first := s.set.opts.HerdJoins
	if s.herd.joins != first {
		return
	}
	for _, c := range s.members[max(0, len(s.members)-first):] {
		if c.arriving() || c.since < now.Unix()-1 {
			continue
		}
		s.removeFromGroup(c)
		if c.live() {
			c.pos = s.pos
		}
		s.arrivals.add(c)
	}
}

// position returns the number of the newest record that a live client has.
func (s *shard) position(c *client) uint64 {
	if c.arriving() {
		return c.pos
	}
	return s.pos
}
