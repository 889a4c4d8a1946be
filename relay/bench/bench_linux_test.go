package bench_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/bench"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 30 * time.Second

// load runs o against s.
func load(t *testing.T, s *server, o bench.Options) (*bench.Result, error) {
	t.Helper()
	o.URL, o.Write, o.PID, o.DeliveryTimeout = s.url, s.file, os.Getpid(), patience
	if o.Size == 0 {
		o.Size = 160
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return bench.Run(ctx, o)
}

// counts is what of a result does not depend on time.
type counts struct {
	connected, refused, events, captured         int
	deliveries, lost, repeated, outOfOrder, fail uint64
}

func countsOf(r *bench.Result) counts {
	return counts{r.Connected, r.Rejected, r.Events, r.Captured, r.Deliveries, r.Lost, *r.Repeated, *r.OutOfOrder, uint64(r.Errors)}
}

func TestCountsAreExact(t *testing.T) {
	var sizes atomic.Int64
	s := (&server{write: func(s *server, _ int, doc []byte) {
		sizes.Add(int64(len(doc)))
		s.send(doc)
	}}).start(t)
	got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: 50, Events: 20}, Size: 500})
	if err != nil {
		t.Fatal(err)
	}
	want := counts{connected: 50, events: 20, captured: 20, deliveries: 50 * 20}
	if countsOf(got) != want || len(got.Closed) != 0 || sizes.Load() != 20*500 {
		t.Errorf("got %+v, %v, %d bytes, want %+v", countsOf(got), got.Closed, sizes.Load(), want)
	}
	for name, figure := range map[string]*float64{
		"connections a second": got.ConnectPerSecond,
		"deliveries a second":  got.DeliveriesPerSecond,
		"CPU a delivery":       got.CPUPerDelivery,
		"its own":              got.BenchCPUPerDelivery,
	} {
		if figure == nil || *figure <= 0 {
			t.Errorf("%s: got %v, want more than 0", name, figure)
		}
	}
	if got.First.P50 <= 0 || got.Last.P50 < got.First.P50 || got.Last.P99 < got.Last.P50 || *got.Resident.Idle <= 0 {
		t.Errorf("got %v to the first client, %v to the last, memory of %d", got.First, got.Last, *got.Resident.Idle)
	}
}

// TestWhatAServerDoesWrongIsFoundOut writes at once what a server then sends in its own way; the last event it sends
// properly.
func TestWhatAServerDoesWrongIsFoundOut(t *testing.T) {
	const clients, events = 5, 6
	all := counts{connected: clients, events: events, captured: events, deliveries: clients * events}
	var held []byte
	for _, tc := range []struct {
		name  string
		write func(s *server, n int, doc []byte)
		want  func(*counts)
	}{
		{
			name:  "nothing",
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
			want: func(c *counts) { c.repeated = clients },
		},
		{
			name: "sends one event behind the next",
			write: func(s *server, n int, doc []byte) {
				if n == 3 {
					held = doc
					return
				}
				s.send(doc)
				if n == 4 {
					s.send(held)
				}
			},
			want: func(c *counts) { c.outOfOrder = clients },
		},
		{
			name: "forgets one client once",
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
			want: func(c *counts) { c.captured--; c.deliveries -= clients; c.lost = clients },
		},
		{
			name: "sends what is no event, too",
			write: func(s *server, _ int, doc []byte) {
				s.send([]byte("hello"))
				s.send(doc)
			},
			want: func(*counts) {},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := (&server{write: tc.write}).start(t)
			got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: clients, Events: events, NoWait: true}})
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

func TestLargeEventsArrive(t *testing.T) {
	s := new(server).start(t)
	got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: 10, Events: 5}, Size: 192 << 10})
	if err != nil || got.Deliveries != 50 || got.Lost != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStalledClientsDoNotCount(t *testing.T) {
	s := new(server).start(t)
	got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: 10, Stalled: 3, Events: 5}})
	if err != nil || got.Connected != 10 || got.Deliveries != 7*5 || got.Lost != 0 {
		t.Errorf("got %+v, %v, want 7 times 5 deliveries", got, err)
	}
}

func TestVisitorsDoNotCount(t *testing.T) {
	visited := make(chan struct{})
	s := (&server{
		connect: func(_ http.ResponseWriter, n int) bool {
			if n == 10 {
				close(visited)
			}
			return true
		},
		write: func(s *server, n int, doc []byte) {
			if n == 2 {
				<-visited
			}
			s.send(doc)
		},
	}).start(t)
	got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: 10, Churn: 100, Events: 3}})
	if err != nil || got.Connected != 10 || got.Deliveries != 10*3 || got.Lost != 0 {
		t.Errorf("got %+v, %v, want 10 times 3 deliveries", got, err)
	}
}

// TestPingsAreAnswered sends an event only when all clients have answered a ping.
func TestPingsAreAnswered(t *testing.T) {
	s := (&server{write: func(s *server, _ int, doc []byte) {
		for _, conn := range s.all() {
			if err := conn.Ping(context.Background()); err != nil {
				s.t.Error(err)
			}
		}
		s.send(doc)
	}}).start(t)
	got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: 10, Events: 3}})
	if err != nil || got.Deliveries != 10*3 || got.Errors != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestARefusalIsToldInTheServersWords(t *testing.T) {
	s := (&server{connect: func(w http.ResponseWriter, _ int) bool {
		http.Error(w, "no pages from elsewhere", http.StatusForbidden)
		return false
	}}).start(t)
	got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: 3, Events: 1}})
	if got != nil || err == nil || !strings.Contains(err.Error(), `"403 Forbidden": "no pages from elsewhere"`) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSomeMayBeRefused(t *testing.T) {
	s := (&server{connect: func(w http.ResponseWriter, n int) bool {
		if n >= 7 {
			http.Error(w, "full", http.StatusServiceUnavailable)
		}
		return n < 7
	}}).start(t)
	got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: 10, Events: 2}})
	if err != nil || got.Connected != 7 || got.Rejected != 3 || got.Deliveries != 7*2 || !strings.Contains(got.FirstRejection, "full") {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestClosedClientsAreCountedByCode closes two clients in place of the third event.
func TestClosedClientsAreCountedByCode(t *testing.T) {
	s := (&server{write: func(s *server, n int, doc []byte) {
		if n == 3 {
			s.all()[0].Close(websocket.StatusTryAgainLater, "too slow")
			s.all()[1].CloseNow()
		}
		s.send(doc)
	}}).start(t)
	got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: 10, Events: 5}})
	if err != nil || !maps.Equal(got.Closed, map[int]int{1013: 1, 1006: 1}) || got.Deliveries != 2*10+3*8 || got.Lost != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestARunWithoutClientsFails(t *testing.T) {
	s := (&server{write: func(s *server, _ int, _ []byte) {
		for _, conn := range s.all() {
			conn.Close(websocket.StatusGoingAway, "")
		}
	}}).start(t)
	got, err := load(t, s, bench.Options{Settings: bench.Settings{Clients: 3, Events: 100}})
	if err == nil || !strings.Contains(err.Error(), "3 with 1001") || got.Events != 1 || got.Lost != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestABrokenServerIsAnError speaks WebSocket by hand, and masks its frames.
func TestABrokenServerIsAnError(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n\x81\x81\x00\x00\x00\x00x")
		io.Copy(io.Discard, conn)
	}))
	defer web.Close()
	target, err := url.Parse(strings.Replace(web.URL, "http", "ws", 1))
	if err != nil {
		t.Fatal(err)
	}
	got, err := bench.Run(t.Context(), bench.Options{Settings: bench.Settings{URL: target, Clients: 3, Duration: patience}})
	if err == nil || got.Errors != 3 || !strings.Contains(err.Error(), "masked frame") {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestOthersEventsAreCounted has the server send events of its own when a visitor shows that they count from now on,
// and then end.
func TestOthersEventsAreCounted(t *testing.T) {
	visited := make(chan struct{})
	s := (&server{connect: func(_ http.ResponseWriter, n int) bool {
		if n == 10 {
			close(visited)
		}
		return true
	}}).start(t)
	go func() {
		<-visited
		for range 3 {
			s.send([]byte(`{"timestamp":1,"type":"post_saved","post_id":77}`))
		}
		for _, conn := range s.all() {
			conn.CloseNow()
		}
	}()
	got, err := bench.Run(t.Context(), bench.Options{Settings: bench.Settings{URL: s.url, Clients: 10, Churn: 1, Duration: patience}})
	if err == nil || !strings.Contains(err.Error(), "no client is left") {
		t.Fatalf("got %v", err)
	}
	if got.Events != 3 || got.Deliveries != 30 || got.Lost != 0 || got.First != nil || got.Repeated != nil || got.Spread == nil {
		t.Errorf("got %+v", got)
	}
}

func TestAnEndedContextEndsTheRunEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := (&server{write: func(s *server, n int, doc []byte) {
		if n == 3 {
			cancel()
		}
		s.send(doc)
	}}).start(t)
	got, err := bench.Run(ctx, bench.Options{Settings: bench.Settings{URL: s.url, Write: s.file, Clients: 5, Events: 1000}, Size: 160, DeliveryTimeout: patience})
	if err != nil || got.Events != 3 || got.Deliveries != 3*5 {
		t.Errorf("got %+v, %v, want 3 events that all arrive", got, err)
	}
}

func TestAServerThatIsNotThereIsNamed(t *testing.T) {
	target := &url.URL{Scheme: "ws", Host: "127.0.0.1:1"}
	_, err := bench.Run(t.Context(), bench.Options{Settings: bench.Settings{URL: target, Clients: 1}})
	if err == nil || !strings.Contains(err.Error(), "ws://127.0.0.1:1") || !strings.Contains(err.Error(), "--url") {
		t.Errorf("got %v", err)
	}
	_, err = bench.Run(t.Context(), bench.Options{Settings: bench.Settings{URL: target, Clients: 1, PID: 1 << 22}})
	if err == nil || !strings.Contains(err.Error(), "--pid") {
		t.Errorf("got %v", err)
	}
	_, err = bench.Run(t.Context(), bench.Options{Settings: bench.Settings{Clients: 1 << 30}})
	if err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("got %v", err)
	}
}
