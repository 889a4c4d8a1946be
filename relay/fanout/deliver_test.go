package fanout_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/testwait"
)

func TestEveryClientGetsEveryEventInOrder(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	const clients, events = 20, 500
	var readers sync.WaitGroup
	for range clients {
		conn := s.connect(t)
		readers.Go(func() { expectEvents(t, conn, 1, events, 10) })
	}
	s.append(t, 1, events, 10)
	readers.Wait()
	s.stop()
	if got := s.clients.Sent(); got != clients*events {
		t.Errorf("%d events sent, want %d", got, clients*events)
	}
}

func TestWelcomeAndReplayComeFirst(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	s.append(t, 1, 1, 0)
	s.configure = func(cfg *fanout.ClientConfig) {
		cfg.Welcome, cfg.Replay = "welcome", &fanout.Range{After: 0, Until: 1}
	}
	s.append(t, 100, 100, 0) // after the replay and before the client's position
	conn := s.connect(t)
	s.append(t, 2, 2, 0)
	if got := readText(t, conn); got != "welcome" {
		t.Errorf("got %q", got)
	}
	expectEvents(t, conn, 1, 2, 0)
}

func TestEventAppendedDuringTheHandshakeIsDelivered(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	s.configure = func(*fanout.ClientConfig) { s.append(t, 1, 1, 0) } // after the client's position was decided
	conn := s.connect(t)
	s.append(t, 2, 2, 0)
	expectEvents(t, conn, 1, 2, 0)
}

// TestClientsThatConnectDuringABurstMissNothing connects clients while events are appended. Each client gets all
// events from its first one on.
func TestClientsThatConnectDuringABurstMissNothing(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	const events, clients = 2000, 30
	appended := make(chan struct{})
	go func() {
		defer close(appended)
		for n := 1; n <= events; n++ {
			s.append(t, n, n, 0)
			runtime.Gosched()
		}
	}()
	var conns []*websocket.Conn
	for range clients {
		conns = append(conns, s.connect(t))
	}
	<-appended
	s.append(t, events+1, events+1, 0) // so each client gets at least one
	for _, conn := range conns {
		var first int
		if _, err := fmt.Sscanf(readText(t, conn), `{"timestamp":%d`, &first); err != nil {
			t.Fatal(err)
		}
		expectEvents(t, conn, first+1, events+1, 0)
	}
}

// TestLaggingClientDelaysNoOtherAndCatchesUp has a client that reads nothing until all events are sent.
func TestLaggingClientDelaysNoOtherAndCatchesUp(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	slow, fast := s.connect(t), s.connect(t)
	for n := 1; n <= bigEvents; n++ {
		s.append(t, n, n, bigPadding)
		expectEvents(t, fast, n, n, bigPadding)
	}
	expectEvents(t, slow, 1, bigEvents, bigPadding)
	s.append(t, bigEvents+1, bigEvents+1, 0)
	expectEvents(t, slow, bigEvents+1, bigEvents+1, 0)
	expectEvents(t, fast, bigEvents+1, bigEvents+1, 0)
}

func TestClientThatLagsBeyondTheHistoryIsClosedWith1013(t *testing.T) {
	s := serve(t, eventlog.Options{Records: 20}, fanout.Options{})
	slow, fast := s.connect(t), s.connect(t)
	for n := 1; n <= bigEvents; n++ {
		s.append(t, n, n, bigPadding)
		expectEvents(t, fast, n, n, bigPadding)
	}
	if got := closeStatus(t, slow); got != websocket.StatusTryAgainLater {
		t.Errorf("closed with %v, want 1013", got)
	}
	if got := <-s.disconnects; got.EndedBy != fanout.EndedByRelay || got.Reason != fanout.CloseTooSlow {
		t.Errorf("got %+v", got)
	}
}

// TestStalledClientsShareMemory has 50 clients that read nothing of 20 MB. The log alone holds the events.
func TestStalledClientsShareMemory(t *testing.T) {
	s := serve(t, eventlog.Options{Records: 60, MemoryBytes: 1 << 20}, fanout.Options{})
	const stalled, events, padding = 50, 1000, 20_000
	for range stalled {
		s.connect(t)
	}
	fast := s.connect(t)
	for n := 1; n <= events; n++ {
		s.append(t, n, n, padding)
		expectEvents(t, fast, n, n, padding)
	}
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > 64<<20 {
		t.Errorf("%d MB in use", stats.HeapAlloc>>20)
	}
}

// TestDeliverSendsBeforeItReturns repeats a delivery by the caller until the shards were idle at its begin.
func TestDeliverSendsBeforeItReturns(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	conn, n, sent := s.connect(t), 0, false
	deliver := func() {
		before := s.clients.Sent()
		s.clients.Deliver()
		sent = s.clients.Sent() > before
	}
	wasSent := func() bool {
		n++
		s.log.AppendAndDeliver(event(t, n, 0), deliver)
		expectEvents(t, conn, n, n, 0)
		return sent
	}
	if !testwait.Until(wasSent) {
		t.Errorf("none of %d deliveries has sent the event", n)
	}
}

// dueView records whether a delivery was due when the view was asked.
type dueView struct {
	clients *fanout.Clients
	due     atomic.Bool
}

func (v *dueView) Sees(*eventlog.Record) bool {
	v.due.Store(v.clients.DeliveryDue() != nil)
	return true
}

func TestDeliveryIsDueUntilAllClientsHaveTheEvent(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	view := &dueView{clients: s.clients}
	s.configure = func(cfg *fanout.ClientConfig) { cfg.View = view }
	s.append(t, 1, 1, 0)
	if s.clients.DeliveryDue() != nil {
		t.Error("a delivery is due without clients")
	}
	conn, n := s.connect(t), 1
	wasDue := func() bool { // false at first: the client may get events by a catch-up
		n++
		s.append(t, n, n, 0)
		expectEvents(t, conn, n, n, 0)
		return view.due.Load()
	}
	if !testwait.Until(wasDue) {
		t.Errorf("no delivery was due during %d deliveries", n)
	}
	if !testwait.Until(func() bool { return s.clients.DeliveryDue() == nil }) {
		t.Error("after all deliveries, one is still due")
	}
}
