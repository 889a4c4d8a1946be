package relay_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/eventlog"
)

// TestDirectAppendsKeepTheOrder appends some events directly and others through Run.
func TestDirectAppendsKeepTheOrder(t *testing.T) {
	log, err := eventlog.Open(t.TempDir(), eventlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r := relay.New(log, relay.Options{Direct: func() bool { return rand.IntN(2) == 0 }, Logger: quiet})
	run(t, r)
	var events []string
	for i := range 1000 {
		events = append(events, post(i, "x"))
	}
	ingest(t, r, events...)
	if got := documents(log); got != strings.Join(events, " ") {
		t.Errorf("got %s", got)
	}
}

// TestBurstIsDeliveredWhenTheCallerIsIdle counts deliveries in virtual time: all events of a burst have the same time.
func TestBurstIsDeliveredWhenTheCallerIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, err := eventlog.Open(t.TempDir(), eventlog.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		deliveries, events := 0, 0
		r := relay.New(log, relay.Options{
			Direct:  func() bool { return true },
			Deliver: func(bool) { deliveries++ },
			Logger:  quiet,
		})
		expect := func(want int, after string) {
			t.Helper()
			if deliveries != want {
				t.Errorf("%d deliveries after %s, want %d", deliveries, after, want)
			}
		}
		write := func(n int) {
			for range n {
				events++
				if err := r.Ingest(t.Context(), []byte(post(events, "x")), time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
		write(1)
		expect(1, "the first event")
		write(3)
		expect(1, "a burst")
		r.Idle()
		expect(2, "the burst's end")
		r.Idle()
		expect(2, "another call of Idle")
		write(8)
		expect(3, "8 events without a call of Idle")
		write(1)
		r.IngestLine(t.Context(), []byte(line("abcdefgh", 1, 1, post(events+1, "line"))))
		expect(4, "a line of the outbox")
		time.Sleep(time.Second)
		write(1)
		expect(5, "a single event")
	})
}
