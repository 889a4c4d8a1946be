package bench_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/bench"
	"wpre-relay/relay/testwait"
)

// faultClients and faultEvents are the load of TestCountsFaultsOfServer.
const faultClients, faultEvents = 5, 6

// serverFaults are servers that deliver some events wrongly, and the change of the counts. Every server delivers the
// last event correctly.
var serverFaults = []struct {
	name  string
	write func(s *server, n int, doc []byte)
	want  func(*counts)
}{
	{
		name:  "no fault",
		write: func(s *server, _ int, doc []byte) { s.send(doc) },
		want:  func(*counts) {},
	},
	{
		name: "sends one event twice",
		write: func(s *server, n int, doc []byte) {
			s.send(doc)
			if n == 3 {
				s.send(doc)
			}
		},
		want: func(c *counts) { c.repeated = faultClients },
	},
	{
		name: "sends one event after the next",
		write: func(s *server, n int, doc []byte) {
			if n == 3 {
				s.held = doc
				return
			}
			s.send(doc)
			if n == 4 {
				s.send(s.held)
			}
		},
		want: func(c *counts) { c.outOfOrder = faultClients },
	},
	{
		name: "skips one client once",
		write: func(s *server, n int, doc []byte) {
			for i, conn := range s.all() {
				if n != 3 || i != 2 {
					conn.Write(context.Background(), websocket.MessageText, doc)
				}
			}
		},
		want: func(c *counts) { c.deliveries--; c.lost = 1 },
	},
	{
		name: "misses one event",
		write: func(s *server, n int, doc []byte) {
			if n != 3 {
				s.send(doc)
			}
		},
		want: func(c *counts) { c.captured--; c.deliveries -= faultClients; c.lost = faultClients },
	},
	{
		name: "also sends a text that is not an event",
		write: func(s *server, _ int, doc []byte) {
			s.send([]byte("hello"))
			s.send(doc)
		},
		want: func(c *counts) { c.altered = faultClients * faultEvents },
	},
	{
		name: "sends one event without its end",
		write: func(s *server, n int, doc []byte) {
			if n == 3 {
				doc = doc[:len(doc)-1]
			}
			s.send(doc)
		},
		want: alterOne,
	},
	{
		name: "sends the start of one event and the end of another",
		write: func(s *server, n int, doc []byte) {
			if n == 3 {
				s.held = doc
			}
			if n == 4 {
				s.send(append(s.held[:100:100], bytes.Repeat([]byte("y"), len(s.held)-100)...))
			}
			if n != 3 {
				s.send(doc)
			}
		},
		want: alterOne,
	},
	{
		name: "sends events without white space",
		write: func(s *server, _ int, doc []byte) {
			var compact bytes.Buffer
			json.Compact(&compact, doc)
			s.send(compact.Bytes())
		},
		want: func(*counts) {},
	},
}

// alterOne is the change of the counts if one event reaches no client, and something else reaches all.
func alterOne(c *counts) {
	c.captured--
	c.deliveries -= faultClients
	c.lost, c.altered = faultClients, faultClients
}

// TestCountsFaultsOfServer writes events without a pause to a server with a fault.
func TestCountsFaultsOfServer(t *testing.T) {
	all := counts{
		connected: faultClients, events: faultEvents, captured: faultEvents, deliveries: faultClients * faultEvents,
	}
	for _, tc := range serverFaults {
		t.Run(tc.name, func(t *testing.T) {
			s := (&server{write: tc.write}).start(t)
			got, err := load(t, s, 160, bench.Settings{Clients: faultClients, Events: faultEvents, NoWait: true})
			if err != nil {
				t.Fatal(err)
			}
			want := all
			tc.want(&want)
			if countsOf(got) != want {
				t.Errorf("got %+v, want %+v", countsOf(got), want)
			}
		})
	}
}

func TestRejectionQuotesTheServer(t *testing.T) {
	s := (&server{connect: func(w http.ResponseWriter, _ int) bool {
		http.Error(w, "no pages from elsewhere", http.StatusForbidden)
		return false
	}}).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: 3, Events: 1})
	if got != nil || err == nil || !strings.Contains(err.Error(), `"403 Forbidden": "no pages from elsewhere"`) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRunsWithSomeClientsRejected(t *testing.T) {
	s := (&server{connect: func(w http.ResponseWriter, n int) bool {
		if n >= 7 {
			http.Error(w, "full", http.StatusServiceUnavailable)
		}
		return n < 7
	}}).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: 10, Events: 2})
	if err != nil || got.Connected != 7 || got.Rejected != 3 || got.Deliveries != 7*2 ||
		!strings.Contains(got.FirstRejection, "full") {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestClosedClientsAreCountedByCode closes two clients before the third event is sent.
func TestClosedClientsAreCountedByCode(t *testing.T) {
	s := (&server{write: func(s *server, n int, doc []byte) {
		if n == 3 {
			s.all()[0].Close(websocket.StatusTryAgainLater, "too slow")
			s.all()[1].CloseNow()
		}
		s.send(doc)
	}}).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: 10, Events: 5})
	byCode := map[int]int{1013: 1, 1006: 1}
	if err != nil || !maps.Equal(got.Closed, byCode) || got.Deliveries != 2*10+3*8 || got.Lost != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFailsWhenAllClientsAreClosed(t *testing.T) {
	s := (&server{write: func(s *server, _ int, _ []byte) {
		for _, conn := range s.all() {
			conn.Close(websocket.StatusGoingAway, "")
		}
	}}).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: 3, Events: 100})
	if err == nil || !strings.Contains(err.Error(), "3 with 1001") || got.Events != 1 || got.Lost != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestProtocolViolationIsAnError has a server that masks its frames.
func TestProtocolViolationIsAnError(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n\x81\x81\x00\x00\x00\x00x")
		io.Copy(io.Discard, conn)
	}))
	defer web.Close()
	target, err := url.Parse(strings.Replace(web.URL, "http", "ws", 1))
	if err != nil {
		t.Fatal(err)
	}
	got, err := runSettings(t, bench.Settings{URL: target, Clients: 3, Duration: testwait.Limit})
	if err == nil || got.Errors != 3 || !strings.Contains(err.Error(), "masked frame") {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestErrorsNameTheFlag(t *testing.T) {
	target := &url.URL{Scheme: "ws", Host: "127.0.0.1:1"}
	_, err := runSettings(t, bench.Settings{URL: target, Clients: 1})
	if err == nil || !strings.Contains(err.Error(), "ws://127.0.0.1:1") || !strings.Contains(err.Error(), "--url") {
		t.Errorf("got %v", err)
	}
	_, err = runSettings(t, bench.Settings{URL: target, Clients: 1, PIDs: []int{1 << 22}})
	if err == nil || !strings.Contains(err.Error(), "--pid") {
		t.Errorf("got %v", err)
	}
	_, err = runSettings(t, bench.Settings{Clients: 1 << 30})
	if err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("got %v", err)
	}
}
