package fanout

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"wpre-relay/relay/eventlog"
)

const (
	// maxPeerMessages bounds the peer messages that wait in a shard. Further ones are dropped.
	maxPeerMessages = 256

	// joinPause is how long the clients of a herd wait at most before they join, so that several join together.
	joinPause = 5 * time.Millisecond
)

// shard serves a part of the clients on one goroutine, which never blocks on a client. Other goroutines post
// functions for it to run.
type shard struct {
	set    *Clients
	number int
	wake   chan struct{} // holds one token if something was posted
	sent   atomic.Uint64 // events written to clients

	mu      sync.Mutex
	posted  []func()      // guarded by mu
	peers   []peerMessage // guarded by mu
	stopped bool          // nothing can be posted any more; guarded by mu

	inHerd  atomic.Bool // the last client joined in a herd
	joinDue *time.Timer // wakes the shard for clients that wait to join

	// owner is held by the goroutine that serves the clients: the one of run, or a caller of deliverNow. Posted functions
	// run under it.
	owner sync.Mutex

	// The holder of owner owns these.
	pos      uint64 // number of the newest record that settled live clients have
	stopping bool   // clients that join are cut off
	members  []*client
	groups   map[audience]*audienceGroup
	recs     []*eventlog.Record // memory for reading the log
	batch    batch              // the frames being written
	writer   *transfer
	sender   sender
	seconds  uint32 // since the start of run
	herd     herd
	arrivals arrivals
	drain    drain
	poller   *poller // nil before the first client that it can read
	pollers  sync.WaitGroup
}

// peerMessage is a client's message for all other clients.
type peerMessage struct {
	frame []byte
	from  *client
}

func newShard(set *Clients, number int) *shard {
	s := &shard{
		set:    set,
		number: number,
		wake:   make(chan struct{}, 1),
		pos:    set.log.Head().Seq,
		groups: make(map[audience]*audienceGroup),
		writer: newWriter(),
	}
	s.joinDue = time.AfterFunc(time.Hour, s.wakeUp)
	s.joinDue.Stop()
	return s
}

// run serves the clients until ctx is done. It then cuts them off, and returns when they have left.
func (s *shard) run(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		drain, arrivals := s.serve()
		select {
		case <-s.wake:
		case <-arrivals:
			s.owned(s.serveArrivals)
		case <-second.C:
			s.owned(s.everySecond)
		case <-drain:
			s.owned(s.drainSome)
		case <-ctx.Done():
			s.owned(s.stop)
			return
		}
	}
}

// serve runs the posted functions and delivers the new records. There is more to do once one of the channels
// receives, or wakeUp is called.
func (s *shard) serve() (drain, arrivals <-chan time.Time) {
	s.owner.Lock()
	defer s.owner.Unlock()
	s.runPosted()
	s.deliver()
	return s.drain.tick(), s.arrivals.due()
}

// owned calls f as the owner.
func (s *shard) owned(f func()) {
	s.owner.Lock()
	defer s.owner.Unlock()
	f()
}

// deliverNow delivers the new records on the caller's goroutine, unless another one serves the clients now.
func (s *shard) deliverNow() {
	if !s.owner.TryLock() {
		s.wakeUp()
		return
	}
	defer s.owner.Unlock()
	if !s.stopping {
		s.deliver()
	}
}

// stop cuts off all clients, also clients that join meanwhile, and returns when they have left.
func (s *shard) stop() {
	s.drain.stop()
	s.arrivals.stop()
	s.stopping = true
	s.cutOff()
	for !s.stopIfEmpty() {
		<-s.wake
		s.runPosted()
	}
	s.sender.close()
	s.poller.close()
	s.pollers.Wait()
}

// stopIfEmpty refuses further posts if nothing is posted and no client is left. It reports whether it does.
func (s *shard) stopIfEmpty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = len(s.posted) == 0 && len(s.members) == 0
	return s.stopped
}

// post makes the shard's goroutine run f, after all functions posted before. It reports false if the shard has
// stopped; f is then never run.
func (s *shard) post(f func()) bool {
	_, ok := s.enqueue(f)
	s.wakeUp()
	return ok
}

// postJoin is post for a client that joins. In a herd, the shard is woken after joinPause: to wake its thread for each
// client took a tenth of the CPU time of a connect.
func (s *shard) postJoin(c *client, initial []byte) bool {
	waiting, ok := s.enqueue(func() { s.join(c, initial) })
	switch {
	case !s.inHerd.Load():
		s.wakeUp()
	case waiting == 1:
		s.joinDue.Reset(joinPause)
	}
	return ok
}

// enqueue is post without waking the shard. It also returns the number of functions that wait.
func (s *shard) enqueue(f func()) (waiting int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return 0, false
	}
	s.posted = append(s.posted, f)
	return len(s.posted), true
}

// postPeerMessage makes the shard's goroutine send the message, or drops it if too many wait.
func (s *shard) postPeerMessage(message peerMessage) {
	s.mu.Lock()
	if len(s.peers) < maxPeerMessages {
		s.peers = append(s.peers, message)
	}
	s.mu.Unlock()
	s.wakeUp()
}

func (s *shard) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// runPosted runs the posted functions and sends the peer messages.
func (s *shard) runPosted() {
	s.mu.Lock()
	posted, peers := s.posted, s.peers
	s.posted, s.peers = nil, nil
	s.mu.Unlock()
	for _, f := range posted {
		f()
	}
	for _, message := range peers {
		s.sendPeerMessage(message)
	}
}
