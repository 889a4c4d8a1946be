//go:build linux

package fanout_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/schema"
)

// told is one thing that a client that learns positions is told.
type told struct {
	ID    string          `json:"id"`
	Event json.RawMessage `json:"event"`
	Gap   *struct {
		Since, Until schema.Position
		Missing      *uint64
	} `json:"gap"`
}

// listener is a client of a format with positions.
type listener interface {
	next(t testing.TB) told
	close()
}

// enveloped is a client of the subprotocol.
type enveloped struct{ *websocket.Conn }

func (c enveloped) next(t testing.TB) (got told) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, c.Conn)), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func (c enveloped) close() { c.CloseNow() }

// stream is a client of an event stream.
type stream struct {
	body  io.ReadCloser
	lines *bufio.Reader
}

// next reads an event (HTML standard §9.2.6), and passes over what has no data.
func (c stream) next(t testing.TB) (got told) {
	t.Helper()
	kind, data := "message", ""
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
			kind = value
		case field == "data":
			data = value
		case line == "\n" && data != "":
			text := data
			switch kind {
			case "gap":
				text = fmt.Sprintf(`{"gap":%s}`, data)
			case "message":
				text = fmt.Sprintf(`{"event":%s}`, data)
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			return got
		}
	}
}

func (c stream) close() { c.body.Close() }

// listen connects a client of the format.
func (h *house) listen(t testing.TB, format fanout.Format) listener {
	t.Helper()
	if format == fanout.Enveloped {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+h.url, &websocket.DialOptions{Subprotocols: []string{fanout.Subprotocol}})
		if err != nil {
			t.Fatal(err)
		}
		if conn.Subprotocol() != fanout.Subprotocol {
			t.Fatalf("the subprotocol is %q", conn.Subprotocol())
		}
		conn.SetReadLimit(-1)
		t.Cleanup(func() { conn.CloseNow() })
		return enveloped{conn}
	}
	response, err := http.Get("http://" + h.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
		t.Fatalf("%s, %s", response.Status, got)
	}
	return stream{response.Body, bufio.NewReader(response.Body)}
}

// formats runs a test for each format with positions.
func formats(t *testing.T, test func(t *testing.T, format fanout.Format)) {
	for name, format := range map[string]fanout.Format{"wpre.v1": fanout.Enveloped, "event stream": fanout.SSE} {
		t.Run(name, func(t *testing.T) { test(t, format) })
	}
}

// TestReplayGoesOverIntoWhatIsLive begins far behind, beyond what is in memory, while events are appended.
func TestReplayGoesOverIntoWhatIsLive(t *testing.T) {
	formats(t, func(t *testing.T, format fanout.Format) {
		h := open(t, eventlog.Options{MemoryRecords: 100}, fanout.Options{})
		const replayed, live, padding = 3000, 500, 300
		for n := 1; n <= replayed; n++ {
			h.log.Append(event(t, n, padding))
		}
		h.begin = func(entry *fanout.ClientConfig) { entry.Format, entry.Position.Seq = format, 7 }
		c := h.listen(t, format)
		go func() {
			for n := replayed + 1; n <= replayed+live; n++ {
				h.log.Append(event(t, n, padding))
			}
		}()
		for n := 8; n <= replayed+live; n++ {
			got := c.next(t)
			want := schema.Position{Epoch: h.log.Epoch(), Seq: uint64(n)}
			if got.ID != want.String() || string(got.Event) != string(event(t, n, padding).Document) {
				t.Fatalf("got %s %.60s, want %v", got.ID, got.Event, want)
			}
		}
	})
}

// TestAGapIsToldOnceAndInItsPlace asks for more than is kept, and again from where that leads.
func TestAGapIsToldOnceAndInItsPlace(t *testing.T) {
	formats(t, func(t *testing.T, format fanout.Format) {
		h := open(t, eventlog.Options{Records: 10}, fanout.Options{})
		for n := 1; n <= 30; n++ {
			h.log.Append(event(t, n, 0))
		}
		var after atomic.Uint64
		after.Store(5)
		h.begin = func(entry *fanout.ClientConfig) { entry.Format, entry.Position.Seq = format, after.Load() }
		c := h.listen(t, format)
		got := c.next(t)
		if got.Gap == nil || got.Gap.Since.Seq != 5 || got.Gap.Until.Seq != 20 || got.Gap.Missing == nil || *got.Gap.Missing != 15 {
			t.Fatalf("got %+v, want a gap", got)
		}
		if format == fanout.SSE && got.ID != got.Gap.Until.String() {
			t.Errorf("the gap has id %s, and leads to %v", got.ID, got.Gap.Until)
		}
		after.Store(got.Gap.Until.Seq)
		for _, c := range []listener{c, h.listen(t, format)} {
			for n := 21; n <= 30; n++ {
				if got := c.next(t); got.Gap != nil || string(got.Event) != string(event(t, n, 0).Document) {
					t.Fatalf("got %+v, want event %d", got, n)
				}
			}
		}
	})
}

// TestASlowReaderGetsWholeEvents reads little by little what is far more than the kernel holds.
func TestASlowReaderGetsWholeEvents(t *testing.T) {
	formats(t, func(t *testing.T, format fanout.Format) {
		h := open(t, eventlog.Options{}, fanout.Options{})
		h.begin = func(entry *fanout.ClientConfig) { entry.Format = format }
		c := h.listen(t, format)
		const events, padding = 400, 30_000
		for n := 1; n <= events; n++ {
			h.log.Append(event(t, n, padding))
		}
		for n := 1; n <= events; n++ {
			if got := c.next(t); string(got.Event) != string(event(t, n, padding).Document) {
				t.Fatalf("got %s %.60s, want event %d", got.ID, got.Event, n)
			}
		}
	})
}

func TestAClientIsToldWhereItIsBehindWhatItFinds(t *testing.T) {
	formats(t, func(t *testing.T, format fanout.Format) {
		h := open(t, eventlog.Options{}, fanout.Options{})
		found := h.log.Append(event(t, 1, 0))
		h.begin = func(entry *fanout.ClientConfig) {
			*entry = fanout.ClientConfig{Format: format, Welcome: "not for those", Replay: found, Position: h.log.Head(), SendPosition: true}
		}
		c := h.listen(t, format)
		h.log.Append(event(t, 2, 0))
		for i, want := range []told{{Event: event(t, 1, 0).Document}, {ID: h.log.Epoch() + "-1"}, {Event: event(t, 2, 0).Document}} {
			got := c.next(t)
			if string(got.Event) != string(want.Event) || want.ID != "" && got.ID != want.ID {
				t.Errorf("%d: got %s %s, want %s %s", i, got.ID, got.Event, want.ID, want.Event)
			}
		}
	})
}

func TestADrainEndsStreams(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	h.begin = func(entry *fanout.ClientConfig) { entry.Format = fanout.SSE }
	c := h.listen(t, fanout.SSE).(stream)
	if h.clients.SSEClients() != 1 || h.clients.WebSocketClients() != 0 {
		t.Errorf("%d streams and %d sockets", h.clients.SSEClients(), h.clients.WebSocketClients())
	}
	h.log.Append(event(t, 1, 0))
	h.clients.Drain(fanout.CloseRestart, 0)
	rest, err := io.ReadAll(c.lines)
	if err != nil || !strings.HasSuffix(string(rest), string(event(t, 1, 0).Document)+"\n\n") {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
}

func TestStreamsAreKeptAliveWithComments(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{PingInterval: time.Second})
	h.begin = func(entry *fanout.ClientConfig) { entry.Format = fanout.SSE }
	c := h.listen(t, fanout.SSE).(stream)
	for comments := 0; comments < 3; {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d comments: %v", comments, err)
		}
		if line == ":\n" {
			comments++
		}
	}
}

// TestWhatACutConnectionHadIsKnown ends connections of clients that answer marks, or do not, in several ways.
func TestWhatACutConnectionHadIsKnown(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	h.begin = func(entry *fanout.ClientConfig) { entry.Format = fanout.Acked }
	end := func() fanout.Disconnect {
		t.Helper()
		select {
		case end := <-h.ends:
			return end
		case <-time.After(patience):
			t.Fatal("the client does not leave")
			return fanout.Disconnect{}
		}
	}

	t.Run("all read, and closed in good order", func(t *testing.T) {
		conn, r := h.dial(t, "")
		rec := h.log.Append(event(t, 1, 0))[0]
		io.ReadFull(r, make([]byte, len(fanouttest.TextFrame(rec.Event.Document))+len("\x89\x01")+1)) // and the mark, which is not answered
		conn.Close()
		if got := end(); got.EndedBy != fanout.ConnectionLost || got.LastDelivered != 1 {
			t.Errorf("got %+v, want everything", got)
		}
	})
	t.Run("closed with something unread", func(t *testing.T) {
		conn, r := h.dial(t, "")
		rec := h.log.Append(event(t, 2, 0))[0]
		io.ReadFull(r, make([]byte, len(fanouttest.TextFrame(rec.Event.Document))))
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		if got := end(); got.EndedBy != fanout.ConnectionLost || got.LastDelivered != 1 {
			t.Errorf("got %+v, want nothing but what was before", got)
		}
	})
}
