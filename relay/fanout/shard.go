package fanout

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
)

const (
	// maxBatch is about how many bytes of events a client is given in one write.
	maxBatch = 64 << 10

	// maxPeerMessages bounds what waits in a shard of the messages that clients send to each other; beyond it they
	// are dropped.
	maxPeerMessages = 256

	// drainStep is the pace of a drain.
	drainStep = time.Millisecond

	// closeTimeout is how long a client has to answer a close frame (RFC 6455 §7.1.1), to a second.
	closeTimeout = 5 * time.Second
)

// shard serves some of the clients, on one goroutine that never waits for any of them. What others want of it they
// post as a function, to be run on that goroutine.
type shard struct {
	set    *Clients
	number int
	poller *poller
	wake   chan struct{} // has one element if something was posted
	sent   atomic.Uint64 // messages given to sockets

	mu      sync.Mutex
	posted  []func()      // guarded by mu
	peers   []peerMessage // guarded by mu
	stopped bool          // nothing is posted any more; guarded by mu

	// The rest belongs to run's goroutine.
	pos        uint64 // number of the last record that the clients that are caught up have been given
	stopping   bool   // who joins is cut off
	members    []*client
	recs       []*eventlog.Record
	kinds      map[kind]*audience
	deliveries uint64
	single     batch // one frame, or a few
	seconds    uint32
	closing    drainState
}

// peerMessage is what one client said, for the others.
type peerMessage struct {
	frame []byte
	from  *client
}

// drainState is how far a drain has come.
type drainState struct {
	code    websocket.StatusCode
	reason  string
	ticker  *time.Ticker // nil while there is none
	perTick int
	next    int // members from here on have been told
}

func newShard(set *Clients, number int) *shard {
	return &shard{
		set:    set,
		number: number,
		wake:   make(chan struct{}, 1),
		pos:    set.log.Head().Seq,
		poller: newPoller(),
		kinds:  make(map[kind]*audience),
	}
}

func (s *shard) run(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		s.takePosted()
		var grown <-chan struct{}
		if len(s.members) > 0 { // else it need not wake
			grown = s.deliver()
		}
		select {
		case <-grown:
		case <-s.wake:
		case <-second.C:
			s.ping()
		case <-s.closing.tick():
			s.drainSome()
		case <-ctx.Done():
			s.stop()
			return
		}
	}
}

// stop cuts off all members, and who still comes, until nobody is there.
func (s *shard) stop() {
	if s.closing.ticker != nil {
		s.closing.ticker.Stop()
	}
	s.stopping = true
	s.cutOff()
	for !s.empty() {
		<-s.wake
		s.takePosted()
	}
}

// empty ends the taking of posts if nothing is posted and nobody is there.
func (s *shard) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = len(s.posted) == 0 && len(s.members) == 0
	return s.stopped
}

// post has f run on the shard's goroutine, after what was posted before. It reports false, and f is never run, if
// the shard has stopped.
func (s *shard) post(f func()) bool {
	s.mu.Lock()
	ok := !s.stopped
	if ok {
		s.posted = append(s.posted, f)
	}
	s.mu.Unlock()
	s.nudge()
	return ok
}

// postPeer has frame sent to all clients that are caught up but one.
func (s *shard) postPeer(frame []byte, from *client) {
	s.mu.Lock()
	if len(s.peers) < maxPeerMessages {
		s.peers = append(s.peers, peerMessage{frame, from})
	}
	s.mu.Unlock()
	s.nudge()
}

func (s *shard) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *shard) takePosted() {
	s.mu.Lock()
	posted, peers := s.posted, s.peers
	s.posted, s.peers = nil, nil
	s.mu.Unlock()
	for _, f := range posted {
		f()
	}
	for _, message := range peers {
		s.single.set(message.frame, s.pos)
		s.sendPeers(message.from)
	}
}

// deliver gives all that is new in the log to the clients that are caught up, and returns what is closed when there
// is more.
func (s *shard) deliver() (grown <-chan struct{}) {
	recs, upTo, grown, err := s.set.log.Next(s.recs, s.pos, maxBatch)
	s.recs = recs
	if err != nil {
		s.fallBehind()
		return s.deliver()
	}
	if fresh := (stretch{recs, s.pos, upTo}); !fresh.empty() {
		s.sendAll(fresh)
		s.pos = upTo
	}
	clear(recs) // the log decides what is kept
	return grown
}

// deliverAll delivers until nothing is new.
func (s *shard) deliverAll() {
	for pos := s.pos - 1; pos != s.pos; {
		pos = s.pos
		s.deliver()
	}
}

// fallBehind deals with the log having dropped what the shard has not delivered: its clients lag, and learn it on
// their own.
func (s *shard) fallBehind() {
	for _, c := range s.members {
		if !c.lagging {
			s.demote(c, s.pos, nil)
		}
	}
	s.pos = s.set.log.Head().Seq
	s.set.finish.reach(s.number, nil, s.pos, false)
}

// sendAll writes what is new to all clients that are caught up and may see it.
func (s *shard) sendAll(fresh stretch) {
	s.deliveries++
	now, sent := time.Now(), 0
	for _, c := range s.members {
		if c.lagging {
			continue
		}
		news := s.news(c.peers, fresh)
		if len(news.frames) == 0 {
			continue
		}
		begun, ok := s.write(c, news)
		upTo := fresh.from
		if begun > 0 {
			last := &news.frames[begun-1]
			upTo = last.upTo
			sent += last.told
		}
		if c.receipt != nil && upTo > fresh.from {
			c.receipt.send(upTo, now)
		}
		if !ok {
			s.demote(c, upTo, nil)
		}
	}
	s.sent.Add(uint64(sent))
	s.set.finish.reach(s.number, fresh.recs, fresh.upTo, sent > 0)
}

// news returns what is new for an audience.
func (s *shard) news(a *audience, fresh stretch) *batch {
	if a.filled != s.deliveries {
		a.news.fill(a.kind, s.set.log.Epoch(), fresh)
		a.filled = s.deliveries
	}
	return &a.news
}

// sendPeers writes s.single to all plain clients that are caught up but one.
func (s *shard) sendPeers(except *client) {
	for _, c := range s.members {
		if c.lagging || c == except || c.format.positions() {
			continue
		}
		if _, ok := s.write(c, &s.single); !ok {
			s.demote(c, s.pos, nil)
		}
	}
}

// write writes b to c, without waiting, and returns how many frames it has begun. If ok is false the rest is left to
// catchUp; a client whose connection has failed is on its way out, and ok.
func (s *shard) write(c *client, b *batch) (begun int, ok bool) {
	begun, whole, err := c.socket.trySend(b)
	if err != nil {
		c.lagging = true
		c.end(err)
		return 0, true
	}
	return begun, whole
}

// demote leaves c, which has been given everything up to number pos, to a goroutine of its own, which sends first
// before anything else.
func (s *shard) demote(c *client, pos uint64, first []byte) {
	c.lagging, c.pos = true, pos
	s.set.parts.Go(func() { c.catchUp(first) })
}

// join adds c, which is greeted with hello.
func (s *shard) join(c *client, hello []byte) {
	switch {
	case c.ended.Load():
		return
	case s.stopping:
		c.end(errStopped)
		return
	case len(s.members) == 0:
		s.pos = s.set.log.Head().Seq
		s.set.finish.reach(s.number, nil, s.pos, false)
	}
	c.index = int32(len(s.members))
	s.members = append(s.members, c)
	s.seat(c)
	if s.closing.ticker != nil {
		s.closing.next = len(s.members) // c came in while a drain is on: begin anew, with c
	}
	if len(hello) > 0 {
		s.demote(c, c.pos, hello)
		return
	}
	s.settle(c)
}

// seat adds c to the audience of its kind.
func (s *shard) seat(c *client) {
	a := s.kinds[c.kind]
	if a == nil {
		a = &audience{kind: c.kind}
		s.kinds[c.kind] = a
	}
	a.members++
	c.peers = a
}

// unseat takes c from its audience.
func (s *shard) unseat(c *client) {
	if c.peers.members--; c.peers.members == 0 {
		delete(s.kinds, c.kind)
	}
	c.peers = nil
}

// settle takes c back if it is where the caught-up clients are, and has it catch up if it is behind.
func (s *shard) settle(c *client) {
	if c.ended.Load() {
		return
	}
	if c.pos > s.pos {
		s.deliverAll()
		c.pos = min(c.pos, s.pos) // no position beyond the head is one of this log
	}
	if c.pos < s.pos || c.goodbye.Load() != nil || c.answer.Load() != nil {
		s.demote(c, c.pos, nil)
		return
	}
	c.lagging, c.begun = false, true
}

// remove takes c out and closes its socket, for which nothing else may be writing: it is done here alone. What was
// written last is still sent if the end is in good order.
func (s *shard) remove(c *client, why error) {
	all := why == io.EOF && c.socket.delivered()
	switch {
	case why != errClosed && why != errToldOff:
		c.socket.abort()
	case c.socket.waits():
		s.set.parts.Go(func() { c.socket.Close() })
	default:
		c.socket.Close()
	}
	c.gone(why, all)
	if c.index < 0 {
		return // it never came
	}
	last := len(s.members) - 1
	s.members[c.index] = s.members[last]
	s.members[c.index].index = c.index
	s.members[last] = nil
	s.members = s.members[:last]
	c.index, c.lagging = -1, true
	s.unseat(c)
	if last == 0 {
		s.set.finish.rest(s.number)
	}
}

// ping pings those clients whose second it is, and cuts off those that were silent since they were pinged last, or
// have not answered a close frame. It closes those that have expired.
func (s *shard) ping() {
	s.seconds++
	now, interval := time.Now().Unix(), uint32(s.set.opts.PingInterval/time.Second)
	for _, c := range s.members {
		switch {
		case c.closeBy != 0 && s.seconds >= c.closeBy:
			c.end(errUnclosed)
		case c.expires != 0 && now >= c.expires && c.goodbye.Load() == nil:
			bye := c.format.goodbye(websocket.StatusPolicyViolation, "expired")
			bye.now = true
			s.sayGoodbye(c, bye)
		case c.lagging || (c.turn+s.seconds)%interval != 0:
		case !c.alive.Swap(false) && c.format.pongs():
			c.lagging = true
			c.end(errSilent)
		default:
			s.single.set(c.format.ping(), s.pos)
			if _, ok := s.write(c, &s.single); !ok {
				s.demote(c, s.pos, nil)
			}
		}
	}
}

// sendPong answers the last ping, unless catchUp does it.
func (s *shard) sendPong(c *client) {
	if c.lagging {
		return
	}
	pong := c.answer.Swap(nil)
	if pong == nil {
		return
	}
	s.single.set(*pong, s.pos)
	switch begun, ok := s.write(c, &s.single); {
	case ok:
	case begun > 0:
		s.demote(c, s.pos, nil)
	default:
		s.demote(c, s.pos, *pong)
	}
}

// answerClose ends the connection with a client that has sent a close frame, after one in return unless it has had
// one (RFC 6455 §5.5.1).
func (s *shard) answerClose(c *client, code websocket.StatusCode) {
	if c.goodbye.Load() != nil {
		c.end(errToldOff)
		return
	}
	s.sayGoodbye(c, goodbye{code: code, frame: closeFrame(code, ""), now: true, end: errClosed})
}

// sayGoodbye sends a close frame, or has catchUp do it, and nothing after.
func (s *shard) sayGoodbye(c *client, bye goodbye) {
	c.goodbye.Store(&bye)
	if c.lagging {
		return
	}
	s.single.set(bye.frame, s.pos)
	begun, ok := s.write(c, &s.single)
	switch {
	case ok:
		s.saidGoodbye(c, &bye)
	case begun > 0: // what is left of the frame goes out with the next
		c.goodbye.Store(&goodbye{code: bye.code, now: true, end: bye.end})
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

// drain begins to close all clients with code and reason, spread over at most the given time.
func (s *shard) drain(code websocket.StatusCode, reason string, over time.Duration) {
	n := len(s.members)
	ticks := max(1, min(int(over/drainStep), n))
	s.closing = drainState{
		code:    code,
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
			s.sayGoodbye(c, c.format.goodbye(d.code, d.reason))
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
