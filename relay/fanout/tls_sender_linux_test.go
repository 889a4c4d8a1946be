package fanout_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/testwait"
)

// TestTLSClientsGetEveryEventInOrder has so many clients that the shard sends to several by one system call, unless
// the kernel refuses that. Small and large events differ in how they are sealed. Then a drain closes all clients.
func TestTLSClientsGetEveryEventInOrder(t *testing.T) {
	for _, refused := range []bool{false, true} {
		for _, padding := range []int{0, 1000} {
			t.Run(fmt.Sprintf("refused=%t,padding=%d", refused, padding), func(t *testing.T) {
				s := serveWith(t, eventlog.Options{}, fanout.Options{Shards: 1}, divertServer)
				if refused {
					s.clients.RefuseRings()
				}
				const clients, events = 20, 200
				var readers sync.WaitGroup
				for range clients {
					conn := s.connect(t)
					readers.Go(func() {
						expectEvents(t, conn, 1, events, padding)
						if got := closeStatus(t, conn); got != websocket.StatusServiceRestart {
							t.Errorf("got close code %d, want 1012", got)
						}
					})
				}
				s.append(t, 1, events, padding)
				s.clients.Drain(fanout.CloseRestart, testwait.Limit)
				readers.Wait()
			})
		}
	}
}
