package fanout_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/testwait"
)

// transports are the connections and formats of slow clients. Each has its own way to write.
var transports = map[string]struct {
	format fanout.Format
	listen func(http.Handler) *httptest.Server
}{
	"WebSocket":               {fanout.Enveloped, httptest.NewServer},
	"WebSocket TLS":           {fanout.Enveloped, divertServer},
	"WebSocket TLS, blocking": {fanout.Enveloped, httptest.NewTLSServer},
	"SSE":                     {fanout.SSE, httptest.NewServer},
	"SSE TLS":                 {fanout.SSE, divertServer},
	"SSE TLS, blocking":       {fanout.SSE, httptest.NewTLSServer},
}

// forEachTransport runs the test with a server for each transport.
func forEachTransport(
	t *testing.T, logOpts eventlog.Options, opts fanout.Options, test func(t *testing.T, s *server, format fanout.Format),
) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			s := serveWith(t, logOpts, opts, transport.listen)
			s.configure = func(cfg *fanout.ClientConfig) { cfg.Format, cfg.Position.Seq = transport.format, 0 }
			test(t, s, transport.format)
		})
	}
}

// heap returns the bytes of the heap in use. Goroutines that run allocate memory before it measures.
func heap() int64 {
	runtime.GC()
	runtime.GC() // empties the pools
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestWaitingClientsHoldNoEvents connects clients that read nothing of a replay, before their start or after it. The
// rest of the replay takes no memory: neither the unsent batch nor the event of which they have a part.
func TestWaitingClientsHoldNoEvents(t *testing.T) {
	const clients, events, padding = 50, 20, 500_000
	opts := fanout.Options{PingInterval: 10 * testwait.Limit} // clients that read nothing do not answer a ping
	forEachTransport(t, eventlog.Options{}, opts, func(t *testing.T, s *server, format fanout.Format) {
		s.append(t, 1, events, padding)
		n := 0
		s.configure = func(cfg *fanout.ClientConfig) {
			cfg.Format = format
			if n++; n%2 == 0 {
				cfg.Replay = &fanout.Range{After: 0, Until: events}
			} else {
				cfg.Position.Seq = 0
			}
		}
		before := heap()
		for range clients {
			s.subscribe(t, format)
		}
		const limit = clients * 100_000
		held := int64(0)
		settled := func() bool {
			sent := s.clients.Sent()
			held = heap() - before
			return sent >= clients && s.clients.Sent() == sent && s.clients.Len() == clients && held <= limit
		}
		if !testwait.Until(settled) {
			t.Errorf("%d clients hold %d KiB, want at most %d", s.clients.Len(), held>>10, limit>>10)
		}
	})
}

// TestBegunFrameContinues has slow clients that get a part of each event. They get the rest whether the budget holds
// the event or they must read it from the log again, from memory and from the journal.
func TestBegunFrameContinues(t *testing.T) {
	const events, padding = 6, 500_000 // more than the kernel's buffers take, and more than the log has in memory
	for _, bytes := range []int{0, fanout.DefaultBuffers} {
		t.Run(fmt.Sprintf("budget=%d", bytes), func(t *testing.T) {
			opts := fanout.Options{Buffers: budget.New(bytes)}
			logOpts := eventlog.Options{MemoryBytes: 2 * padding}
			forEachTransport(t, logOpts, opts, func(t *testing.T, s *server, format fanout.Format) {
				c := s.subscribe(t, format)
				s.append(t, 1, events, padding)
				for n := 1; n <= events; n++ {
					if got := c.next(t); !got.isEvent(event(t, n, padding)) {
						t.Fatalf("got %s %.60s, want event %d", got.ID, got.Event, n)
					}
				}
			})
		})
	}
}

// TestFrameThatTheLogDropsEndsTheConnection has no budget, so that nothing but the log has the begun event.
func TestFrameThatTheLogDropsEndsTheConnection(t *testing.T) {
	s := serve(t, eventlog.Options{Records: 20}, fanout.Options{Buffers: budget.New(0)})
	slow := s.connect(t)
	s.append(t, 1, bigEvents, bigPadding)
	if got := closeStatus(t, slow); got != -1 {
		t.Errorf("closed with %v, want the end of the connection within a frame", got)
	}
	if got := <-s.disconnects; got.EndedBy != fanout.EndedByRelay || got.Reason.Code != websocket.StatusAbnormalClosure {
		t.Errorf("got %+v", got)
	}
}
