package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/schema"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 20 * time.Second

var quiet = slog.New(slog.DiscardHandler)

func event(t testing.TB, n int, padding int) schema.Event {
	t.Helper()
	ev, _, err := schema.Decode(fmt.Appendf(nil, `{"timestamp":%d,"x":"%s"}`, n, strings.Repeat("x", padding)), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// house is a log and its clients, behind a listener.
type house struct {
	log     *eventlog.Log
	clients *fanout.Clients
	url     string
	left    atomic.Int64
	ends    chan fanout.Disconnect
	begin   func(*fanout.ClientConfig) // may change how clients begin; set before any comes
}

// openLog opens a log that the test's end closes.
func openLog(t testing.TB, opts eventlog.Options) *eventlog.Log {
	t.Helper()
	opts.Logger = quiet
	log, err := eventlog.Open(t.TempDir(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

func open(t testing.TB, logOpts eventlog.Options, opts fanout.Options) *house {
	t.Helper()
	log := openLog(t, logOpts)
	opts.Logger = quiet
	h := &house{log: log, clients: fanout.New(log.Reader, opts), ends: make(chan fanout.Disconnect, 1<<16)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry := fanout.ClientConfig{Position: log.Head()}
		if h.begin != nil {
			h.begin(&entry)
		}
		entry.OnDisconnect = func(end fanout.Disconnect) { h.left.Add(1); h.ends <- end }
		if entry.Format == fanout.SSE {
			h.clients.AcceptSSE(w, r, entry)
		} else {
			h.clients.AcceptWebSocket(w, r, entry)
		}
	}))
	h.url = server.Listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.clients.Run(ctx) }()
	t.Cleanup(func() {
		server.Close()
		cancel()
		<-done
		if n := h.clients.Len(); n != 0 {
			t.Errorf("%d clients are left", n)
		}
	})
	return h
}

// client is a connection that a client of another's making reads.
func (h *house) client(t testing.TB) *websocket.Conn {
	t.Helper()
	before := h.clients.Len()
	conn, _, err := websocket.Dial(t.Context(), "ws://"+h.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() { conn.CloseNow() })
	until(t, "client", func() bool { return h.clients.Len() > before })
	return conn
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}

func read(t testing.TB, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	typ, message, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if typ != websocket.MessageText {
		t.Fatalf("a message of type %v", typ)
	}
	return string(message)
}

// expect reads the events n to m, in order.
func expect(t testing.TB, conn *websocket.Conn, n, m, padding int) {
	t.Helper()
	for ; n <= m; n++ {
		if got, want := read(t, conn), string(event(t, n, padding).Document); got != want {
			t.Fatalf("got %.60s, want %.60s", got, want)
		}
	}
}

// closeStatus reads until the connection ends and returns its close code.
func closeStatus(t testing.TB, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			if ctx.Err() != nil {
				t.Fatal("the connection does not end")
			}
			return websocket.CloseStatus(err)
		}
	}
}

func TestEveryClientGetsEveryEventInOrder(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	var conns []*websocket.Conn
	for range 20 {
		conns = append(conns, h.client(t))
	}
	const events = 500
	var readers sync.WaitGroup
	for _, conn := range conns {
		readers.Go(func() { expect(t, conn, 1, events, 10) })
	}
	for n := 1; n <= events; n++ {
		h.log.Append(event(t, n, 10))
	}
	readers.Wait()
	if got := h.clients.Sent(); got != 20*events {
		t.Errorf("%d messages counted, want %d", got, 20*events)
	}
}

func TestHelloComesFirstAndNothingBeforeTheStart(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	found := h.log.Append(event(t, 1, 0))
	h.begin = func(entry *fanout.ClientConfig) { entry.Welcome, entry.Replay = "welcome", found }
	h.log.Append(event(t, 1, 0))
	conn := h.client(t)
	h.log.Append(event(t, 2, 0))
	if got := read(t, conn); got != "welcome" {
		t.Errorf("greeted with %q", got)
	}
	expect(t, conn, 1, 1, 0)
	expect(t, conn, 2, 2, 0)
}

// TestNoEventIsMissedOrRepeatedWhileClientsCome connects while events are appended: what each gets is without a
// gap, from the first one on.
func TestNoEventIsMissedOrRepeatedWhileClientsCome(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	const events = 2000
	appended := make(chan struct{})
	go func() {
		defer close(appended)
		for n := 1; n <= events; n++ {
			h.log.Append(event(t, n, 0))
			runtime.Gosched()
		}
	}()
	var readers sync.WaitGroup
	for range 30 {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+h.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		readers.Go(func() {
			<-appended
			h.log.Append(event(t, events+1, 0)) // for those who came after the last
			var first int
			if _, err := fmt.Sscanf(read(t, conn), `{"timestamp":%d`, &first); err != nil {
				t.Error(err)
				return
			}
			expect(t, conn, first+1, events, 0)
		})
	}
	readers.Wait()
}

// TestALaggingClientDelaysNobodyAndCatchesUp has a client that does not read while much is sent, and then does.
func TestALaggingClientDelaysNobodyAndCatchesUp(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	const events, padding = 400, 50_000 // 20 MB, more than the kernel's buffers take
	slow, fast := h.client(t), h.client(t)
	for n := 1; n <= events; n++ {
		h.log.Append(event(t, n, padding))
		expect(t, fast, n, n, padding)
	}
	expect(t, slow, 1, events, padding)
	h.log.Append(event(t, events+1, 0))
	expect(t, slow, events+1, events+1, 0)
	expect(t, fast, events+1, events+1, 0)
}

func TestAClientBeyondItsBoundIsClosed(t *testing.T) {
	h := open(t, eventlog.Options{Records: 20}, fanout.Options{})
	const events, padding = 400, 50_000
	slow, fast := h.client(t), h.client(t)
	for n := 1; n <= events; n++ {
		h.log.Append(event(t, n, padding))
		expect(t, fast, n, n, padding)
	}
	if got := closeStatus(t, slow); got != websocket.StatusTryAgainLater {
		t.Errorf("closed with %v, want 1013", got)
	}
	until(t, "leaving", func() bool { return h.left.Load() == 1 })
}

// TestStalledClientsCostNoMemory has clients that never read: what waits for them is the log, once.
func TestStalledClientsCostNoMemory(t *testing.T) {
	h := open(t, eventlog.Options{Records: 60, MemoryBytes: 1 << 20}, fanout.Options{})
	const stalled, events, padding = 50, 1000, 20_000 // 20 MB for each of them
	for range stalled {
		h.client(t)
	}
	fast := h.client(t)
	for n := 1; n <= events; n++ {
		h.log.Append(event(t, n, padding))
		expect(t, fast, n, n, padding)
	}
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > 64<<20 {
		t.Errorf("%d MB in use", stats.HeapAlloc>>20)
	}
}

func TestClientsMessagesAreDropped(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	talker, other := h.client(t), h.client(t)
	for range 100 {
		if err := talker.Write(t.Context(), websocket.MessageText, []byte("Hello from WordPress frontend!")); err != nil {
			t.Fatal(err)
		}
	}
	h.log.Append(event(t, 1, 0))
	expect(t, talker, 1, 1, 0)
	expect(t, other, 1, 1, 0)
}

func TestATooLargeMessageIsClosedWith1009(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	conn := h.client(t)
	if err := conn.Write(t.Context(), websocket.MessageText, make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	if got := closeStatus(t, conn); got != websocket.StatusMessageTooBig {
		t.Errorf("closed with %v, want 1009", got)
	}
}

func TestPeerMessagesReachTheOthers(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{PeerMessages: true})
	a, b, c := h.client(t), h.client(t), h.client(t)
	h.log.Append(event(t, 1, 0)) // then all have joined
	for _, conn := range []*websocket.Conn{a, b, c} {
		expect(t, conn, 1, 1, 0)
	}
	for _, text := range []string{"hello", "\xff", "grüße"} {
		if err := a.Write(t.Context(), websocket.MessageBinary, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, conn := range []*websocket.Conn{b, c} {
		for _, want := range []string{"Broadcast: hello", "Broadcast: grüße"} {
			if got := read(t, conn); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	h.log.Append(event(t, 2, 0))
	expect(t, a, 2, 2, 0)
}

func TestDrainTellsClientsWhy(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	var conns []*websocket.Conn
	for range 50 {
		conns = append(conns, h.client(t))
	}
	h.log.Append(event(t, 1, 0)) // then all have joined
	var readers sync.WaitGroup
	for _, conn := range conns {
		readers.Go(func() {
			expect(t, conn, 1, 1, 0)
			if got := closeStatus(t, conn); got != websocket.StatusServiceRestart {
				t.Errorf("closed with %v, want 1012", got)
			}
		})
	}
	h.clients.Drain(fanout.CloseRestart, 20*time.Millisecond)
	readers.Wait()
	until(t, "end of all", func() bool { return h.left.Load() == 50 })
}

func TestDrainTellsALaggingClientToo(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	const events, padding = 400, 50_000
	slow := h.client(t)
	for n := 1; n <= events; n++ {
		h.log.Append(event(t, n, padding))
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		h.clients.Drain(fanout.CloseStop, 0)
	}()
	if got := closeStatus(t, slow); got != websocket.StatusGoingAway {
		t.Errorf("closed with %v, want 1001", got)
	}
	<-drained
}

// TestPipelinedFramesAreRead sends frames in one segment with the handshake.
func TestPipelinedFramesAreRead(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	_, r := h.dial(t, fanouttest.Masked(text, "hello")+fanouttest.Masked(pingOp, "hi"))
	expectFrames(t, r, "\x8a\x02hi")
}

func TestASilentClientIsPingedAndThenCutOff(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{PingInterval: time.Second})
	_, r := h.dial(t, "")
	rest, err := io.ReadAll(r)
	if !strings.HasPrefix(string(rest), "\x89\x00") || err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("got % x, %v, want a ping and then the end", rest, err)
	}
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("", func(t *testing.T) {
		h := open(t, eventlog.Options{}, fanout.Options{})
		for range 20 {
			h.client(t)
		}
		h.log.Append(event(t, 1, 0))
	})
	until(t, "end of all goroutines", func() bool { return runtime.NumGoroutine() <= before })
}

// audience is clients that all get each event before the next one.
type audience struct {
	h   *house
	got sync.WaitGroup
}

// newAudience connects clients, each of which reads frames of the given length.
func newAudience(t testing.TB, clients, length int) *audience {
	a := &audience{h: open(t, eventlog.Options{}, fanout.Options{})}
	for range clients {
		conn, r := a.h.dial(t, "")
		conn.SetDeadline(time.Time{})
		go func() {
			for buf := make([]byte, length); ; a.got.Done() {
				if _, err := io.ReadFull(r, buf); err != nil {
					return
				}
			}
		}()
	}
	until(t, "clients", func() bool { return a.h.clients.Len() == clients })
	return a
}

// tell appends ev and waits until all have it.
func (a *audience) tell(ev schema.Event) {
	a.got.Add(a.h.clients.Len())
	a.h.log.Append(ev)
	a.got.Wait()
}

// mallocs returns how many allocations the telling of events costs.
func (a *audience) mallocs(ev schema.Event, events int) uint64 {
	a.tell(ev) // what is allocated once
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range events {
		a.tell(ev)
	}
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

func TestADeliveryAllocatesNothing(t *testing.T) {
	const events, few, many = 200, 1, 101
	ev := event(t, 1_000_000_000, 100)
	length := len(fanouttest.TextFrame(ev.Document))
	one := newAudience(t, few, length).mallocs(ev, events)
	all := newAudience(t, many, length).mallocs(ev, events)
	if more := float64(all) - float64(one); more > events*(many-few)/20 {
		t.Errorf("%.2f allocations a delivery", more/(events*(many-few)))
	}
}

// BenchmarkDeliver appends one event after another, each when all clients have the last one. Its time is of both
// ends, in one process; the cost of the relay's alone is for wpre-relay bench.
func BenchmarkDeliver(b *testing.B) {
	for _, clients := range []int{1, 100, 1000} {
		for _, size := range []int{160, 16 << 10} {
			b.Run(fmt.Sprintf("clients=%d/bytes=%d", clients, size), func(b *testing.B) {
				ev := event(b, 1_000_000_000, size)
				a := newAudience(b, clients, len(fanouttest.TextFrame(ev.Document)))
				b.ReportAllocs()
				for b.Loop() {
					a.tell(ev)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*clients), "ns/delivery")
			})
		}
	}
}

// TestOnlyEventsAreConfirmed counts the pings of a client that catches up and then gets some live.
func TestOnlyEventsAreConfirmed(t *testing.T) {
	h := open(t, eventlog.Options{}, fanout.Options{})
	h.begin = func(entry *fanout.ClientConfig) { entry.Format, entry.Position.Seq = fanout.Acked, 0 }
	const events = 20
	h.log.Append(event(t, 1, 0))
	var pings atomic.Int64
	conn, _, err := websocket.Dial(t.Context(), "ws://"+h.url, &websocket.DialOptions{
		OnPingReceived: func(context.Context, []byte) bool { pings.Add(1); return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for n := 1; n <= events; n++ {
		expect(t, conn, n, n, 0)
		h.log.Append(event(t, n+1, 0))
	}
	expect(t, conn, events+1, events+1, 0)
	if got := pings.Load(); got < events || got > events+1 {
		t.Errorf("%d pings behind %d events", got, events+1)
	}
	conn.Close(websocket.StatusNormalClosure, "")
	if end := <-h.ends; end.EndedBy != fanout.EndedByClient || end.LastDelivered < events || end.LastDelivered > events+1 {
		t.Errorf("the end is told as %+v", end)
	}
}
