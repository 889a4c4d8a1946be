package stats_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"wpre-relay/relay/bench/stats"
)

func TestQuantileIsTheNearestRank(t *testing.T) {
	var hundred []time.Duration
	for n := range 100 {
		hundred = append(hundred, time.Duration(n+1))
	}
	for _, tc := range []struct {
		times []time.Duration
		q     float64
		want  time.Duration
	}{
		{nil, 0.5, 0},
		{hundred[:1], 0.5, 1},
		{hundred[:1], 0.99, 1},
		{hundred[:2], 0.5, 1},
		{hundred[:3], 0.5, 2},
		{hundred[:2], 0.99, 2},
		{hundred, 0, 1},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
	} {
		if got := stats.Quantile(tc.times, tc.q); got != tc.want {
			t.Errorf("quantile %v of %v: got %d, want %d", tc.q, tc.times, got, tc.want)
		}
	}
}

func TestEventIsOutstandingUntilReceivedOrDisconnected(t *testing.T) {
	var (
		counts  stats.Recorder
		clients [3]stats.Window
	)
	if counts.Outstanding() {
		t.Error("a delivery is outstanding before an event is added")
	}
	counts.AddEvent(0, len(clients))
	counts.AddDelivery(&clients[0], 1, 1)
	counts.RemoveClient(&clients[1])
	if !counts.Outstanding() {
		t.Error("the delivery to one client is not outstanding")
	}
	counts.AddDelivery(&clients[2], 1, 2)
	counts.RemoveClient(&clients[0]) // it had received the event
	if counts.Outstanding() {
		t.Error("a delivery is outstanding although none can happen")
	}
	if got := counts.Summary(); got.Deliveries != 2 || got.Lost != 1 {
		t.Errorf("got %+v, want 2 deliveries and 1 lost", got)
	}
}

func TestUnknownEventsAreNotCounted(t *testing.T) {
	var (
		counts stats.Recorder
		client stats.Window
	)
	counts.AddEvent(0, 1)
	counts.AddDelivery(&client, 0, 1)
	counts.AddDelivery(&client, 2, 1)
	if got := counts.Summary(); got.Deliveries != 0 || got.Repeated != 0 || got.Lost != 1 {
		t.Errorf("got %+v, want only 1 lost", got)
	}
}

// TestEveryDeliveryIsCountedOnce delivers events in random order within the window, some of them repeatedly, and
// computes the expected counts with a set.
func TestEveryDeliveryIsCountedOnce(t *testing.T) {
	const events, reach = 500, 60
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		var (
			counts                     stats.Recorder
			client                     stats.Window
			deliveries, late, repeated uint64
			newest                     int
			received                   = make(map[int]bool)
		)
		for range events {
			counts.AddEvent(0, 1)
		}
		for range 2 * events {
			n := min(events, max(1, newest-reach+random.IntN(reach+3)))
			switch {
			case received[n]:
				repeated++
			case n < newest:
				late++
				deliveries++
			default:
				deliveries++
			}
			received[n] = true
			newest = max(newest, n)
			counts.AddDelivery(&client, uint32(n), 1)
		}
		got := counts.Summary()
		if got.Deliveries != deliveries || got.OutOfOrder != late || got.Repeated != repeated ||
			got.Lost != events-deliveries {
			t.Errorf("seed %d: got %+v, want %d deliveries, %d out of order, %d repeated",
				seed, got, deliveries, late, repeated)
		}
	}
}

func TestTimesStartAtTheWriteAndBusyCountsOverlapsOnce(t *testing.T) {
	var (
		counts stats.Recorder
		a, b   stats.Window
	)
	counts.AddEvent(100, 2)
	counts.AddDelivery(&a, 1, 110)
	counts.AddEvent(120, 2)
	counts.AddDelivery(&b, 1, 150)
	counts.AddDelivery(&a, 2, 160)
	counts.AddDelivery(&b, 2, 170)
	counts.AddEvent(1000, 2) // reaches no client
	counts.AddEvent(2000, 2)
	counts.AddDelivery(&a, 4, 2005)
	got := counts.Summary()
	if got.Busy != 70+5 || got.Events != 4 || got.Captured != 3 || got.Lost != 3 {
		t.Errorf("got %+v, want busy for 75, 3 captured of 4, 3 lost", got)
	}
	for name, times := range map[string][2][]time.Duration{
		"first":  {got.First, {5, 10, 40}},
		"last":   {got.Last, {5, 50, 50}},
		"spread": {got.Spread, {0, 10, 40}},
	} {
		if !slices.Equal(times[0], times[1]) {
			t.Errorf("%s: got %v, want %v", name, times[0], times[1])
		}
	}
}

func TestExternalEventsAreCountedByTheirOrder(t *testing.T) {
	var (
		counts stats.Recorder
		a, b   stats.Window
	)
	counts.AddExternal(&a, 10, 2)
	counts.AddExternal(&a, 20, 2)
	counts.AddExternal(&b, 25, 2)
	got := counts.Summary()
	if got.Events != 2 || got.Deliveries != 3 || got.Lost != 1 || !slices.Equal(got.Spread, []time.Duration{0, 15}) {
		t.Errorf("got %+v, want 3 deliveries of 2 events, 1 lost", got)
	}
}
