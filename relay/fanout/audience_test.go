package fanout_test

import (
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
)

// everyNth is a view of every nth event.
type everyNth uint64

func (n everyNth) Sees(rec *eventlog.Record) bool { return rec.Position.Seq%uint64(n) == 0 }

// TestViewsHideEvents has three views of a log, in the initial replay, in catch-up from the log and while clients
// lag.
func TestViewsHideEvents(t *testing.T) {
	const before, all, padding = 300, 1500, 5000 // more than the kernel's buffers hold
	s := serve(t, eventlog.Options{}, fanout.Options{})
	s.append(t, 1, before, padding)
	views := make(chan fanout.View, 3)
	s.configure = func(cfg *fanout.ClientConfig) {
		cfg.View, cfg.Position.Seq, cfg.Replay = <-views, 100, &fanout.Range{After: 0, Until: 100}
	}
	steps := []int{2, 3, 1}
	var conns []*websocket.Conn
	for _, step := range steps {
		views <- everyNth(step)
		conns = append(conns, s.connect(t))
	}
	s.append(t, before+1, all, padding)
	for i, step := range steps {
		for n := step; n <= all; n += step {
			expectEvents(t, conns[i], n, n, padding)
		}
	}
	s.stop()
	if got, want := s.clients.Sent(), uint64(all/2+all/3+all); got != want {
		t.Errorf("%d events sent, want %d", got, want)
	}
}

// TestGapInAViewHasNoCount has a gap of which the view may hide all events.
func TestGapInAViewHasNoCount(t *testing.T) {
	forEachFormat(t, func(t *testing.T, format fanout.Format) {
		s := serve(t, eventlog.Options{Records: 10}, fanout.Options{})
		s.append(t, 1, 30, 0)
		s.configure = func(cfg *fanout.ClientConfig) {
			cfg.Format, cfg.View, cfg.Position.Seq = format, everyNth(7), 5
		}
		c := s.subscribe(t, format)
		got := c.next(t)
		if got.Gap == nil || got.Gap.Since.Seq != 5 || got.Gap.Until.Seq != 20 || got.Gap.Missing != nil {
			t.Fatalf("got %+v, want a gap without a count", got)
		}
		for _, n := range []int{21, 28} {
			if got := c.next(t); !got.isEvent(event(t, n, 0)) {
				t.Fatalf("got %+v, want event %d", got, n)
			}
		}
	})
}
