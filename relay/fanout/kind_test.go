//go:build linux

package fanout_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
)

// every is a view of each nth event.
type every uint64

func (n every) Sees(rec *eventlog.Record) bool { return rec.Position.Seq%uint64(n) == 0 }

// TestAViewKeepsEventsFromAClient found at the start, in replay, live and while it lags, whatever others see.
func TestAViewKeepsEventsFromAClient(t *testing.T) {
	const before, all, padding = 300, 1500, 5000 // more than the kernel's buffers take
	h := open(t, eventlog.Options{}, fanout.Options{})
	for n := 1; n <= before; n++ {
		h.log.Append(event(t, n, padding))
	}
	found, _, _, _ := h.log.ReadMemory(nil, 0, 1<<30)
	views := make(chan fanout.View, 3)
	h.begin = func(entry *fanout.ClientConfig) {
		entry.View, entry.Position.Seq, entry.Replay = <-views, 100, found[:100]
	}
	steps := []int{2, 3, 1}
	var conns []*websocket.Conn
	for _, step := range steps {
		views <- every(step)
		conns = append(conns, h.client(t))
	}
	for n := before + 1; n <= all; n++ {
		h.log.Append(event(t, n, padding)) // which nobody reads yet
	}
	for i, step := range steps {
		for n := step; n <= all; n += step {
			expect(t, conns[i], n, n, padding)
		}
	}
	until(t, "count of what was sent", func() bool { return h.clients.Sent() == (all-100)/2+(all-100)/3+1+(all-100) })
}

// TestAGapInAViewIsNotCounted has all that is missing be hidden, or not: nobody knows any more.
func TestAGapInAViewIsNotCounted(t *testing.T) {
	formats(t, func(t *testing.T, format fanout.Format) {
		h := open(t, eventlog.Options{Records: 10}, fanout.Options{})
		for n := 1; n <= 30; n++ {
			h.log.Append(event(t, n, 0))
		}
		h.begin = func(entry *fanout.ClientConfig) { entry.Format, entry.View, entry.Position.Seq = format, every(7), 5 }
		c := h.listen(t, format)
		got := c.next(t)
		if got.Gap == nil || got.Gap.Since.Seq != 5 || got.Gap.Until.Seq != 20 || got.Gap.Missing != nil {
			t.Fatalf("got %+v, want a gap without a count", got)
		}
		for _, n := range []int{21, 28} {
			if got := c.next(t); got.Gap != nil || string(got.Event) != string(event(t, n, 0).Document) {
				t.Fatalf("got %+v, want event %d", got, n)
			}
		}
	})
}

func TestAClientThatExpiresIsClosedWith1008(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	h.begin = func(entry *fanout.ClientConfig) { entry.Expires = time.Now().Add(time.Second) }
	conn := h.client(t)
	h.log.Append(event(t, 1, 0))
	expect(t, conn, 1, 1, 0)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("closed with %v, want 1008", err)
	}
}

// TestWhoSaysTooMuchIsClosedWith1008 in a second or two, be it frames or bytes.
func TestWhoSaysTooMuchIsClosedWith1008(t *testing.T) {
	for name, said := range map[string]string{ // more than may come in a second and in the next
		"pings":           strings.Repeat(fanouttest.Masked(pingOp, ""), 120),
		"empty fragments": fanouttest.Masked(text-fragment, "") + strings.Repeat(fanouttest.Masked(continuation-fragment, ""), 120),
		"bytes":           strings.Repeat(fanouttest.Masked(binaryMessage, strings.Repeat("x", 10_000)), 40),
	} {
		h := open(t, eventlog.Options{}, fanout.Options{MessageRate: 50, MaxMessage: 10_000})
		conn, r := h.dial(t, "")
		io.WriteString(conn, said)
		const want = "\x88\x13\x03\xf0too many messages"
		got := make([]byte, 0, 1<<16)
		for !bytes.HasSuffix(got, []byte(want)) {
			n, err := r.Read(got[len(got):cap(got)])
			if got = got[:len(got)+n]; err != nil {
				t.Fatalf("%s: got %q (%v), want a close frame with 1008", name, got, err)
			}
		}
		conn.Close()
	}
}
