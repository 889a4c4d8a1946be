package bench_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"wpre-relay/relay/bench"
	"wpre-relay/relay/testwait"
)

// load runs settings against s with events of this size.
func load(t *testing.T, s *server, size int, settings bench.Settings) (*bench.Result, error) {
	t.Helper()
	settings.URL, settings.Write, settings.PIDs = s.url, s.file, []int{os.Getpid()}
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
	defer cancel()
	return bench.Run(ctx, bench.Options{Settings: settings, Size: size, DeliveryTimeout: testwait.Limit})
}

// runSettings runs settings with no other options.
func runSettings(t *testing.T, settings bench.Settings) (*bench.Result, error) {
	t.Helper()
	return bench.Run(t.Context(), bench.Options{Settings: settings})
}

// counts are the values of a result that do not depend on time.
type counts struct {
	connected, refused, events, captured                  int
	deliveries, lost, repeated, outOfOrder, altered, fail uint64
}

func countsOf(r *bench.Result) counts {
	return counts{
		r.Connected, r.Rejected, r.Events, r.Captured, r.Deliveries, r.Lost,
		*r.Repeated, *r.OutOfOrder, *r.Altered, uint64(r.Errors),
	}
}

func TestCountsAreExact(t *testing.T) {
	var sizes atomic.Int64
	s := (&server{write: func(s *server, _ int, doc []byte) {
		sizes.Add(int64(len(doc)))
		s.send(doc)
	}}).start(t)
	got, err := load(t, s, 500, bench.Settings{Clients: 50, Events: 20})
	if err != nil {
		t.Fatal(err)
	}
	want := counts{connected: 50, events: 20, captured: 20, deliveries: 50 * 20}
	if countsOf(got) != want || len(got.Closed) != 0 || sizes.Load() != 20*500 {
		t.Errorf("got %+v, %v, %d bytes, want %+v", countsOf(got), got.Closed, sizes.Load(), want)
	}
	for name, value := range map[string]*float64{
		"connections per second": got.ConnectPerSecond,
		"deliveries per second":  got.DeliveriesPerSecond,
		"server's CPU time":      got.CPUPerDelivery,
		"bench's CPU time":       got.BenchCPUPerDelivery,
	} {
		if value == nil || *value <= 0 {
			t.Errorf("%s: got %v, want more than 0", name, value)
		}
	}
	if got.First.P50 <= 0 || got.Last.P50 < got.First.P50 || got.Last.P99 < got.Last.P50 || *got.Resident.Idle <= 0 {
		t.Errorf("got %v to the first client, %v to the last, memory of %d", got.First, got.Last, *got.Resident.Idle)
	}
}

func TestLargeEventsArrive(t *testing.T) {
	s := new(server).start(t)
	got, err := load(t, s, 192<<10, bench.Settings{Clients: 10, Events: 5})
	if err != nil || got.Deliveries != 50 || got.Lost != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStalledClientsAreNotCounted(t *testing.T) {
	s := new(server).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: 10, Stalled: 3, Events: 5})
	if err != nil || got.Connected != 10 || got.Deliveries != 7*5 || got.Lost != 0 {
		t.Errorf("got %+v, %v, want 7 times 5 deliveries", got, err)
	}
}

func TestTransientClientsAreNotCounted(t *testing.T) {
	connected := make(chan struct{})
	s := (&server{
		connect: func(_ http.ResponseWriter, n int) bool {
			if n == 10 {
				close(connected)
			}
			return true
		},
		write: func(s *server, n int, doc []byte) {
			if n == 2 {
				<-connected
			}
			s.send(doc)
		},
	}).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: 10, Churn: 100, Events: 3})
	if err != nil || got.Connected != 10 || got.Deliveries != 10*3 || got.Lost != 0 {
		t.Errorf("got %+v, %v, want 10 times 3 deliveries", got, err)
	}
}

// TestAnswersPings sends an event only after all clients have answered a ping.
func TestAnswersPings(t *testing.T) {
	s := (&server{write: func(s *server, _ int, doc []byte) {
		for _, conn := range s.all() {
			if err := conn.Ping(context.Background()); err != nil {
				s.t.Error(err)
			}
		}
		s.send(doc)
	}}).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: 10, Events: 3})
	if err != nil || got.Deliveries != 10*3 || got.Errors != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestCountsExternalEvents has the server send three events and then close all clients. The first transient client
// shows that bench counts events from then on.
func TestCountsExternalEvents(t *testing.T) {
	counting := make(chan struct{})
	s := (&server{connect: func(_ http.ResponseWriter, n int) bool {
		if n == 10 {
			close(counting)
		}
		return true
	}}).start(t)
	go func() {
		<-counting
		for range 3 {
			s.send([]byte(`{"timestamp":1,"type":"post_saved","post_id":77}`))
		}
		for _, conn := range s.all() {
			conn.CloseNow()
		}
	}()
	got, err := runSettings(t, bench.Settings{URL: s.url, Clients: 10, Churn: 1, Duration: testwait.Limit})
	if err == nil || !strings.Contains(err.Error(), "closed all clients") {
		t.Fatalf("got %v", err)
	}
	if got.Events != 3 || got.Deliveries != 30 || got.Lost != 0 {
		t.Errorf("got %+v, want 3 events and 30 deliveries", got)
	}
	if got.First != nil || got.Repeated != nil || got.Spread == nil {
		t.Errorf("got %+v", got)
	}
}

func TestEndOfContextStopsTheRunEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := (&server{write: func(s *server, n int, doc []byte) {
		if n == 3 {
			cancel()
		}
		s.send(doc)
	}}).start(t)
	got, err := bench.Run(ctx, bench.Options{
		Settings:        bench.Settings{URL: s.url, Write: s.file, Clients: 5, Events: 1000},
		Size:            160,
		DeliveryTimeout: testwait.Limit,
	})
	if err != nil || got.Events != 3 || got.Deliveries != 3*5 {
		t.Errorf("got %+v, %v, want 3 events with all deliveries", got, err)
	}
}
