package ws

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

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
)

// shard serves some of the clients, on one goroutine that never waits for any of them. What others want of it they
// post as a function, to be run on that goroutine.
type shard struct {
	set  *Clients
	wake chan struct{} // has one element if something was posted
	sent atomic.Uint64 // messages given to sockets

	mu      sync.Mutex
	posted  []func()      // guarded by mu
	peers   []peerMessage // guarded by mu
	stopped bool          // run has ended, or is about to; guarded by mu

	// The rest belongs to run's goroutine.
	pos     uint64 // number of the last record that the clients that are caught up have been given
	members []*client
	recs    []*eventlog.Record
	frames  batch
	writer  *rawWriter
	seconds uint32
	closing drainState
}

// peerMessage is what one client said, for the others.
type peerMessage struct {
	frame []byte
	from  *client
}

// drainState is how far a drain has come.
type drainState struct {
	frame   []byte       // nil while there is none
	ticker  *time.Ticker // nil while there is none
	perTick int
	next    int // members from here on have been told
}

func newShard(set *Clients) *shard {
	return &shard{
		set:    set,
		wake:   make(chan struct{}, 1),
		pos:    set.log.Head().Seq,
		writer: newRawWriter(),
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

// stop ends the taking of posts and cuts off all members.
func (s *shard) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.takePosted()
	s.cutOff()
	if s.closing.ticker != nil {
		s.closing.ticker.Stop()
	}
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
		s.frames.set(message.frame)
		s.sendAll(nil, message.from)
	}
}

// deliver gives all that is new in the log to the clients that are caught up, and returns what is closed when there
// is more.
func (s *shard) deliver() (grown <-chan struct{}) {
	recs, grown, err := s.set.log.Next(s.recs, s.pos, maxBatch)
	if err != nil {
		s.fallBehind()
		return s.deliver()
	}
	s.recs = recs
	if len(recs) == 0 {
		return grown
	}
	s.frames.setRecords(recs)
	s.sendAll(recs, nil)
	s.pos = recs[len(recs)-1].Position.Seq
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
			s.demote(c, s.pos)
		}
	}
	s.pos = s.set.log.Head().Seq
}

// sendAll writes s.frames, which are those of recs if there are any, to all clients that are caught up but one.
func (s *shard) sendAll(recs []*eventlog.Record, except *client) {
	sent := uint64(0)
	for _, c := range s.members {
		if c.lagging || c == except {
			continue
		}
		begun, whole, err := c.socket.trySend(s.writer, &s.frames)
		sent += uint64(begun)
		switch {
		case err != nil:
			c.lagging = true // until its reader finds out
			c.socket.Close()
		case !whole && begun > 0 && recs != nil:
			s.demote(c, recs[begun-1].Position.Seq)
		case !whole:
			s.demote(c, s.pos)
		}
	}
	s.sent.Add(sent)
}

// demote leaves c, which has been given everything up to number pos, to a goroutine of its own.
func (s *shard) demote(c *client, pos uint64) {
	c.lagging, c.pos = true, pos
	s.set.parts.Go(c.catchUp)
}

// join adds c.
func (s *shard) join(c *client) {
	if len(s.members) == 0 {
		s.pos = s.set.log.Head().Seq
	}
	c.index = len(s.members)
	s.members = append(s.members, c)
	if s.closing.frame != nil {
		s.closing.next = len(s.members) // c came in while a drain is on: begin anew, with c
	}
	s.settle(c)
}

// settle takes c back if it is where the caught-up clients are, and has it catch up if it is behind.
func (s *shard) settle(c *client) {
	if c.index < 0 {
		return // it has left
	}
	c.lagging = true
	if c.pos > s.pos {
		s.deliverAll()
		c.pos = min(c.pos, s.pos) // no position beyond the head is one of this log
	}
	if c.pos < s.pos || c.goodbye.Load() != nil {
		s.demote(c, c.pos)
		return
	}
	c.lagging = false
}

// remove takes c out.
func (s *shard) remove(c *client) {
	if c.index < 0 || c.index >= len(s.members) || s.members[c.index] != c {
		c.index = -1 // it never joined
		return
	}
	last := len(s.members) - 1
	s.members[c.index] = s.members[last]
	s.members[c.index].index = c.index
	s.members[last] = nil
	s.members = s.members[:last]
	c.index, c.lagging = -1, true
}

var pingFrame = []byte{0x89, 0} // RFC 6455 §5.5.2

// ping pings those clients whose second it is, and cuts off those that were silent since they were pinged last.
func (s *shard) ping() {
	s.seconds++
	interval := uint32(s.set.opts.PingInterval / time.Second)
	s.frames.set(pingFrame)
	for _, c := range s.members {
		if c.lagging || (c.turn+s.seconds)%interval != 0 {
			continue
		}
		if !c.socket.heard.Swap(false) {
			c.lagging = true
			c.socket.Close()
			continue
		}
		if _, whole, err := c.socket.trySend(s.writer, &s.frames); err == nil && !whole {
			s.demote(c, s.pos)
		}
	}
}

// drain begins to close all clients with frame, spread over at most the given time.
func (s *shard) drain(frame []byte, over time.Duration) {
	n := len(s.members)
	ticks := max(1, min(int(over/drainStep), n))
	s.closing = drainState{
		frame:   frame,
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
	s.frames.set(d.frame)
	for range min(d.perTick, d.next) {
		d.next--
		s.sayGoodbye(s.members[d.next])
	}
}

func (s *shard) sayGoodbye(c *client) {
	c.goodbye.Store(&s.closing.frame)
	if c.lagging {
		return // catchUp sees it
	}
	if _, whole, err := c.socket.trySend(s.writer, &s.frames); err == nil && !whole {
		s.demote(c, s.pos)
		return
	}
	c.lagging = true
	c.awaitClose()
}

// cutOff closes all connections without a word.
func (s *shard) cutOff() {
	for _, c := range s.members {
		c.lagging = true
		c.socket.Close()
	}
}
