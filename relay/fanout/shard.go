package fanout

import (
	"context"
	"slices"
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
	pos      uint64 // number of the last record that the clients that are caught up have been given
	stopping bool   // who joins is cut off
	members  []*client
	recs     []*eventlog.Record
	kinds    map[kind]*audience
	batch    batch // the frames that are being written
	seconds  uint32
	closing  drainState
}

// peerMessage is what one client said, for the others.
type peerMessage struct {
	frame []byte
	from  *client
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
		s.batch.set(message.frame, s.pos)
		s.sendPeers(message.from)
	}
}

// deliver gives all that is new in the log to the clients that are caught up, and returns what is closed when there
// is more.
func (s *shard) deliver() (grown <-chan struct{}) {
	recs, upTo, grown, err := s.set.log.ReadMemory(s.recs, s.pos, maxBatch)
	s.recs = recs
	if err != nil {
		s.fallBehind()
		return s.deliver()
	}
	if fresh := (span{recs, s.pos, upTo}); !fresh.empty() {
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
func (s *shard) sendAll(fresh span) {
	now, sent := time.Now(), 0
	for _, a := range s.kinds {
		if slices.ContainsFunc(a.members, (*client).live) {
			s.batch.fill(a.kind, s.set.log.Epoch(), fresh)
			sent += s.sendTo(a, fresh.from, now)
		}
	}
	s.sent.Add(uint64(sent))
	s.set.finish.reach(s.number, fresh.recs, fresh.upTo, sent > 0)
}

// sendTo writes s.batch to the live clients of an audience, which have everything up to number from, and returns how many
// events it has sent.
func (s *shard) sendTo(a *audience, from uint64, now time.Time) (sent int) {
	if len(s.batch.frames) == 0 {
		return 0
	}
	for _, c := range a.members {
		if c.lagging {
			continue
		}
		begun, ok := s.write(c, &s.batch)
		upTo := from
		if begun > 0 {
			last := &s.batch.frames[begun-1]
			upTo = last.upTo
			sent += last.events
		}
		if c.receipt != nil && upTo > from {
			c.receipt.send(upTo, now)
		}
		if !ok {
			s.demote(c, upTo, nil)
		}
	}
	return sent
}

// sendPeers writes s.batch to all plain clients that are caught up but one.
func (s *shard) sendPeers(except *client) {
	for _, c := range s.members {
		if c.lagging || c == except || c.format.positions() {
			continue
		}
		s.writeFrame(c)
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
