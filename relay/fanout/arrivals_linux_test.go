package fanout

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/testwait"
)

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
	settled.since -= 60 // it is none of the first ones of the herd
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

// TestHerdTakesItsFirstClientsAlong has an older client, and a herd that has just as many joins as it needs.
func TestHerdTakesItsFirstClientsAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHandShard(t, eventlog.Options{})
		join := func() testClient {
			ours, theirs := net.Pipe()
			return s.joinBy(ours, theirs, ClientConfig{}, 0, false)
		}
		old := join()
		time.Sleep(time.Minute)
		for n := 1; n < defaultHerdJoins; n++ {
			if join(); len(s.arrivals.clients) > 0 {
				t.Fatalf("%d clients are a herd", n)
			}
		}
		join()
		if n := len(s.arrivals.clients); n != defaultHerdJoins || old.arriving() {
			t.Errorf("%d clients are arrivals, want the %d new ones", n, defaultHerdJoins)
		}
	})
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
