package fanout_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/schema"
)

// notice is an event, a gap notice or a position, as a client of a format with positions gets it.
type notice struct {
	ID    string          `json:"id"`
	Event json.RawMessage `json:"event"`
	Gap   *struct {
		Since, Until schema.Position
		Missing      *uint64
	} `json:"gap"`
}

// isEvent reports whether n has the document of ev.
func (n notice) isEvent(ev schema.Event) bool {
	return n.Gap == nil && string(n.Event) == string(ev.Document)
}

// subscriber is a client of a format with positions.
type subscriber interface {
	next(t testing.TB) notice
}

// subscribe connects a client of a format with positions.
func (s *server) subscribe(t testing.TB, format fanout.Format) subscriber {
	t.Helper()
	if format == fanout.Enveloped {
		conn := s.connect(t, fanout.Subprotocol)
		if conn.Subprotocol() != fanout.Subprotocol {
			t.Fatalf("the subprotocol is %q", conn.Subprotocol())
		}
		return envelopedClient{conn}
	}
	response, err := insecureClient.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
		t.Fatalf("%s, %s", response.Status, got)
	}
	return sseClient{bufio.NewReader(response.Body)}
}

// envelopedClient is a client of the subprotocol.
type envelopedClient struct{ *websocket.Conn }

// next reads a message. It does not decode the event, for the same reason as the function event.
func (c envelopedClient) next(t testing.TB) (got notice) {
	t.Helper()
	message, document, isEvent := strings.Cut(readText(t, c.Conn), `,"event":`)
	if isEvent {
		message += "}"
		got.Event = json.RawMessage(strings.TrimSuffix(document, "}"))
	}
	if err := json.Unmarshal([]byte(message), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// sseClient is a client of an SSE stream.
type sseClient struct{ lines *bufio.Reader }

// next reads an event (HTML standard §9.2.6). It skips those without data.
func (c sseClient) next(t testing.TB) (got notice) {
	t.Helper()
	wrapped := map[string]string{"gap": `{"gap":%s}`, "position": `%s`}
	name, data := "message", ""
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ends: %v", err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case field == "id":
			got.ID = value
		case field == "event":
			name = value
		case field == "data":
			data = value
		case line == "\n" && data != "" && name == "message":
			got.Event = json.RawMessage(data)
			return got
		case line == "\n" && data != "":
			if err := json.Unmarshal(fmt.Appendf(nil, wrapped[name], data), &got); err != nil {
				t.Fatal(err)
			}
			return got
		}
	}
}

// forEachFormat runs a test for each format with positions.
func forEachFormat(t *testing.T, test func(t *testing.T, format fanout.Format)) {
	for name, format := range map[string]fanout.Format{fanout.Subprotocol: fanout.Enveloped, "SSE": fanout.SSE} {
		t.Run(name, func(t *testing.T) { test(t, format) })
	}
}

// TestReplayFromTheJournalContinuesWithNewEvents starts before the oldest record in memory while events are appended.
func TestReplayFromTheJournalContinuesWithNewEvents(t *testing.T) {
	forEachFormat(t, func(t *testing.T, format fanout.Format) {
		s := serve(t, eventlog.Options{MemoryRecords: 100}, fanout.Options{})
		const replayed, live, padding = 3000, 500, 300
		s.append(t, 1, replayed, padding)
		s.configure = func(cfg *fanout.ClientConfig) { cfg.Format, cfg.Position.Seq = format, 7 }
		c := s.subscribe(t, format)
		go s.append(t, replayed+1, replayed+live, padding)
		for n := 8; n <= replayed+live; n++ {
			got := c.next(t)
			want := schema.Position{Epoch: s.log.Epoch(), Seq: uint64(n)}
			if got.ID != want.String() || !got.isEvent(event(t, n, padding)) {
				t.Fatalf("got %s %.60s, want %v", got.ID, got.Event, want)
			}
		}
	})
}

// TestGapNoticeComesOnceAndInPlace asks for more than the log keeps, by one event or by many, and then for the rest
// after the gap.
func TestGapNoticeComesOnceAndInPlace(t *testing.T) {
	forEachFormat(t, func(t *testing.T, format fanout.Format) {
		s := serve(t, eventlog.Options{Records: 10}, fanout.Options{})
		s.append(t, 1, 30, 0)
		var seq atomic.Uint64
		s.configure = func(cfg *fanout.ClientConfig) { cfg.Format, cfg.Position.Seq = format, seq.Load() }
		for _, since := range []uint64{5, 19} {
			seq.Store(since)
			c := s.subscribe(t, format)
			got := c.next(t)
			gap := got.Gap
			if gap == nil || gap.Since.Seq != since || gap.Until.Seq != 20 || gap.Missing == nil || *gap.Missing != 20-since {
				t.Fatalf("got %+v, want a gap", got)
			}
			if format == fanout.SSE && got.ID != gap.Until.String() {
				t.Errorf("the gap notice has id %s, want %v", got.ID, gap.Until)
			}
			seq.Store(gap.Until.Seq)
			for _, c := range []subscriber{c, s.subscribe(t, format)} {
				for n := 21; n <= 30; n++ {
					if got := c.next(t); !got.isEvent(event(t, n, 0)) {
						t.Fatalf("got %+v, want event %d", got, n)
					}
				}
			}
		}
	})
}

// TestSlowClientGetsWholeEvents starts to read when the kernel's buffers are full.
func TestSlowClientGetsWholeEvents(t *testing.T) {
	forEachFormat(t, func(t *testing.T, format fanout.Format) {
		const padding = 30_000
		s := serve(t, eventlog.Options{}, fanout.Options{})
		s.configure = func(cfg *fanout.ClientConfig) { cfg.Format = format }
		c := s.subscribe(t, format)
		s.append(t, 1, bigEvents, padding)
		for n := 1; n <= bigEvents; n++ {
			if got := c.next(t); !got.isEvent(event(t, n, padding)) {
				t.Fatalf("got %s %.60s, want event %d", got.ID, got.Event, n)
			}
		}
	})
}

func TestPositionComesFirst(t *testing.T) {
	forEachFormat(t, func(t *testing.T, format fanout.Format) {
		s := serve(t, eventlog.Options{}, fanout.Options{})
		s.append(t, 1, 1, 0)
		s.configure = func(cfg *fanout.ClientConfig) {
			cfg.Format, cfg.SendPosition, cfg.Welcome = format, true, "not for this format"
		}
		c := s.subscribe(t, format)
		s.append(t, 2, 2, 0)
		if got := c.next(t); got.Event != nil || got.ID != s.log.Epoch()+"-1" {
			t.Errorf("got %+v, want position 1", got)
		}
		if got := c.next(t); !got.isEvent(event(t, 2, 0)) {
			t.Errorf("got %+v, want event 2", got)
		}
	})
}

func TestDrainEndsSSEStreamAfterItsEvents(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	s.configure = func(cfg *fanout.ClientConfig) { cfg.Format = fanout.SSE }
	c := s.subscribe(t, fanout.SSE).(sseClient)
	if s.clients.SSEClients() != 1 || s.clients.WebSocketClients() != 0 {
		t.Errorf("%d SSE clients and %d of WebSocket", s.clients.SSEClients(), s.clients.WebSocketClients())
	}
	s.append(t, 1, 1, 0)
	s.clients.Drain(fanout.CloseRestart, 0)
	rest, err := io.ReadAll(c.lines)
	want := string(event(t, 1, 0).Document) +
		"\n\nevent: closed\ndata: {\"code\":1012,\"reason\":\"the relay restarts\"}\n\n"
	if err != nil || !strings.HasSuffix(string(rest), want) {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
	got := <-s.disconnects
	wantEnd := fanout.Disconnect{
		Transport: fanout.SSETransport,
		EndedBy:   fanout.EndedByRelay,
		Reason:    fanout.CloseRestart,
	}
	if got != wantEnd || got.CodeLabel() != "none" {
		t.Errorf("got %+v, want %+v", got, wantEnd)
	}
}
