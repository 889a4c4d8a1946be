package fanout

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

// handShard is a shard without a goroutine: the test makes each step.
type handShard struct {
	*shard
	t        *testing.T
	log      *eventlog.Log
	appended uint64
}

// testClient is a client and the other end of its connection.
type testClient struct {
	*client
	peer  net.Conn
	begin uint64 // it gets the events after this number
}

func newHandShard(t *testing.T, logOpts eventlog.Options) *handShard {
	t.Helper()
	log, err := eventlog.Open(t.TempDir(), logOpts)
	if err != nil {
		t.Fatal(err)
	}
	set := New(log.Reader, Options{Shards: 1, Buffers: budget.New(DefaultBuffers)})
	s := &handShard{shard: set.shards[0], t: t, log: log}
	t.Cleanup(func() {
		s.stopping = true
		s.cutOff()
		for !s.stopIfEmpty() {
			s.runPosted()
		}
		s.sender.close()
		s.poller.close()
		s.pollers.Wait()
		set.tasks.Wait()
		log.Close()
	})
	return s
}

// append appends an event, which settled clients do not get yet.
func (s *handShard) append() {
	s.t.Helper()
	s.appended++
	ev, _, err := schema.Decode(fmt.Appendf(nil, `{"timestamp":%d}`, s.appended), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.log.Append(ev)
}

// join adds a client that has everything up to number pos, as part of a herd or not.
func (s *handShard) join(cfg ClientConfig, pos uint64, herd bool) testClient {
	s.t.Helper()
	ours, theirs := newTCPPair(s.t)
	return s.joinBy(ours, theirs, cfg, pos, herd)
}

// joinBy is join with the two ends of a connection.
func (s *handShard) joinBy(ours, theirs net.Conn, cfg ClientConfig, pos uint64, herd bool) testClient {
	s.herd.end = time.Time{}
	if herd {
		s.herd.end = time.Now().Add(time.Hour)
	}
	s.t.Cleanup(func() { theirs.Close() })
	cfg.Position.Seq = pos
	c := newClient(s.set, s.shard, ours, cfg)
	s.set.count.add(cfg.Format, 1)
	s.shard.join(c, nil)
	return testClient{c, theirs, pos}
}

// finish ends the herd, delivers everything and settles all clients.
func (s *handShard) finish() {
	s.herd.end = time.Time{}
	settled := func() bool {
		s.serve()
		s.serveArrivals()
		return len(s.arrivals.clients) == 0
	}
	if !testwait.Until(settled) {
		s.t.Fatalf("%d clients are not settled", len(s.arrivals.clients))
	}
}

// expect reads the client's events up to number upTo.
func (c testClient) expect(t *testing.T, upTo uint64) {
	t.Helper()
	c.peer.SetReadDeadline(time.Now().Add(testwait.Limit))
	r := bufio.NewReader(c.peer)
	for n := c.begin + 1; n <= upTo; n++ {
		want := string(appendTextFrame(nil, fmt.Appendf(nil, `{"timestamp":%d}`, n)))
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	if n := r.Buffered(); n > 0 {
		t.Fatalf("%d bytes after event %d", n, upTo)
	}
}

// TestArrivalsGetEachEventOnceInOrder makes random steps of a shard: clients join in herds or alone, are far behind or
// ahead of the shard, and leave, while events are appended and delivered.
func TestArrivalsGetEachEventOnceInOrder(t *testing.T) {
	const seeds, steps = 20, 300
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := newHandShard(t, eventlog.Options{MemoryRecords: 2 + random.IntN(100)})
		var clients []testClient
		for range steps {
			switch random.IntN(8) {
			case 0, 1, 2:
				s.append()
			case 3:
				s.serve()
			case 4:
				s.serveArrivals()
			case 5, 6:
				behind := min(s.appended, uint64(random.IntN(2)*random.IntN(2*farBehind)))
				clients = append(clients, s.join(ClientConfig{}, s.appended-behind, random.IntN(4) > 0))
			case 7:
				if n := len(clients); n > 0 {
					clients[n-1].end(errStopped)
					clients = clients[:n-1]
				}
			}
		}
		s.append()
		s.finish()
		live := func() bool {
			s.serve()
			for _, c := range clients {
				if c.lagging {
					return false
				}
			}
			return true
		}
		if !testwait.Until(live) {
			t.Fatalf("seed %d: clients lag", seed)
		}
		for _, c := range clients {
			c.expect(t, s.appended)
		}
	}
}

// TestSettledClientsDoNotWaitForArrivals has more arrivals than a step serves. New events reach the settled client
// between two steps, and a step sends to few clients.
func TestSettledClientsDoNotWaitForArrivals(t *testing.T) {
	s := newHandShard(t, eventlog.Options{})
	settled := s.join(ClientConfig{}, 0, false)
	var arrivals []testClient
	for range 2*maxSends + 1 {
		arrivals = append(arrivals, s.join(ClientConfig{}, 0, true))
	}
	for step, served := range []uint64{maxSends, maxSends, 1} {
		s.append()
		before := s.sent.Load()
		s.serve()
		if sent := s.sent.Load() - before; sent != 1 {
			t.Fatalf("step %d: the delivery of an event sent %d, want 1, to the settled client", step, sent)
		}
		if due := s.set.DeliveryDue(); due != nil {
			t.Fatalf("step %d: a delivery is due for arrivals", step)
		}
		settled.expect(t, s.appended)
		settled.begin = s.appended
		before = s.sent.Load()
		s.serveArrivals()
		if sent := s.sent.Load() - before; sent != served*s.appended {
			t.Fatalf("step %d sent %d events, want %d to each of %d", step, sent, s.appended, served)
		}
	}
	if lag := arrivals[2*maxSends].info(s.appended).Lag; lag != 2 {
		t.Errorf("a client that was served first lags by %d, want 2", lag)
	}
	s.finish()
	for _, c := range arrivals {
		c.expect(t, s.appended)
	}
}

// TestPassBeginsBeforeEventsLeaveMemory appends as many events as the log has in memory. The pass is due at half.
func TestPassBeginsBeforeEventsLeaveMemory(t *testing.T) {
	const memory = 8
	s := newHandShard(t, eventlog.Options{Records: memory})
	c := s.join(ClientConfig{}, 0, true)
	s.arrivals.timer.Stop()
	for n := range 2 * memory {
		s.append()
		s.serve()
		if n%(memory/2) == memory/2-1 {
			<-s.arrivals.due()
			s.serveArrivals()
			s.arrivals.timer.Stop()
		}
	}
	c.expect(t, s.appended)
}

// TestArrivalIsSettledInTimeInAnEndlessHerd makes a step every 100 ms of virtual time.
func TestArrivalIsSettledInTimeInAnEndlessHerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHandShard(t, eventlog.Options{})
		ours, theirs := net.Pipe()
		begin, c := time.Now(), s.joinBy(ours, theirs, ClientConfig{}, 0, true)
		for c.arriving() && time.Since(begin) < time.Hour {
			time.Sleep(minArrivalPause)
			s.serveArrivals()
		}
		if arriving := time.Since(begin); arriving < maxArriving/2 || arriving > maxArriving+minArrivalPause {
			t.Errorf("the client was an arrival for %v, want about %v", arriving, maxArriving)
		}
	})
}

// TestArrivalGetsItsEventsBeforeTheClose closes an arrival that misses events.
func TestArrivalGetsItsEventsBeforeTheClose(t *testing.T) {
	s := newHandShard(t, eventlog.Options{})
	c := s.join(ClientConfig{}, 0, true)
	s.append()
	s.serve()
	s.sendClose(c.client, c.format.closeMessage(CloseRestart))
	event := string(appendTextFrame(nil, []byte(`{"timestamp":1}`)))
	got := make([]byte, len(event)+len(closeFrame(CloseRestart)))
	c.peer.SetReadDeadline(time.Now().Add(testwait.Limit))
	if _, err := io.ReadFull(c.peer, got); err != nil || !strings.HasPrefix(string(got), event) {
		t.Errorf("got %q, %v, want the event first", got, err)
	}
}
