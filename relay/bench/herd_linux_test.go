package bench_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"wpre-relay/relay/bench"
)

func TestHerdConnectsWhenHalfOfTheEventsAreWritten(t *testing.T) {
	var written, early atomic.Int64
	s := (&server{
		connect: func(_ http.ResponseWriter, n int) bool {
			if n >= 5 && written.Load() == 0 {
				early.Add(1)
			}
			return true
		},
		write: func(s *server, n int, doc []byte) {
			written.Store(int64(n))
			s.send(doc)
		},
	}).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: 5, Herd: 200, Events: 4})
	if err != nil {
		t.Fatal(err)
	}
	if early.Load() > 0 || got.Connected != 5 || got.Deliveries != 5*4 || got.Lost != 0 || got.CPUPerDelivery != nil {
		t.Errorf("got %+v, %d early", got, early.Load())
	}
	h := got.Herd
	if h.Clients != 200 || h.Connected != 200 || h.Timeouts != 0 || h.Rejected != 0 || *h.Seconds <= 0 || h.Quiet == nil {
		t.Errorf("got %+v", h)
	}
}
