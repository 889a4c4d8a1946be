package fanout_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
)

// TestPingsFollowEventsOnly counts the pings of a client that catches up and is then live.
func TestPingsFollowEventsOnly(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	s.configure = func(cfg *fanout.ClientConfig) { cfg.Format, cfg.Position.Seq = fanout.Acked, 0 }
	const events = 20
	s.append(t, 1, 1, 0)
	var pings atomic.Int64
	conn, _, err := websocket.Dial(t.Context(), "ws://"+s.addr, &websocket.DialOptions{
		OnPingReceived: func(context.Context, []byte) bool { pings.Add(1); return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for n := 1; n <= events; n++ {
		expectEvents(t, conn, n, n, 0)
		s.append(t, n+1, n+1, 0)
	}
	expectEvents(t, conn, events+1, events+1, 0)
	if got := pings.Load(); got < events || got > events+1 {
		t.Errorf("%d pings after %d events", got, events+1)
	}
	conn.Close(websocket.StatusNormalClosure, "")
	got := <-s.disconnects
	if got.EndedBy != fanout.EndedByClient || got.LastDelivered < events || got.LastDelivered > events+1 {
		t.Errorf("got %+v", got)
	}
}

func TestReplayIsDeliveredWhenItIsAcknowledged(t *testing.T) {
	for name, tc := range map[string]struct {
		pong string
		want uint64
	}{
		"acknowledged": {fanouttest.Masked(pongOp, "4"), 4},
		"not":          {fanouttest.Masked(pongOp, ""), 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, fanout.Options{}, func(t *testing.T, b *bubble) {
				for n := 1; n <= 4; n++ {
					b.log.Append(event(t, n, 0))
				}
				b.run()
				cfg := fanout.ClientConfig{Format: fanout.Acked, Position: b.log.Head()}
				cfg.Replay = &fanout.Range{After: 1, Until: 3}
				conn := b.connect(t, cfg)
				for n := 2; n <= 3; n++ {
					expectFrames(t, conn, string(fanouttest.TextFrame(event(t, n, 0).Document)))
				}
				expectFrames(t, conn, "\x89\x014")
				synctest.Wait() // the replay counts as written
				io.WriteString(conn, tc.pong)
				conn.Close()
				if got := <-b.disconnects; got.EndedBy != fanout.ConnectionLost || got.LastDelivered != tc.want {
					t.Errorf("got %+v, want %d delivered", got, tc.want)
				}
				b.stop()
			})
		})
	}
}

func TestUnreadReplayIsNotDelivered(t *testing.T) {
	inBubble(t, fanout.Options{}, func(t *testing.T, b *bubble) {
		b.log.Append(event(t, 1, 0))
		b.log.Append(event(t, 2, 0))
		b.run()
		cfg := fanout.ClientConfig{Format: fanout.Acked, Position: b.log.Head()}
		cfg.Replay = &fanout.Range{After: 1, Until: 2}
		conn := b.connect(t, cfg)
		conn.Close()
		if got := <-b.disconnects; got.LastDelivered != 1 {
			t.Errorf("got %+v, want 1 delivered", got)
		}
		b.stop()
	})
}
