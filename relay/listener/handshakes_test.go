package listener_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/listener"
)

const upgradeRequest = "GET / HTTP/1.1\r\nHost: relay.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

// places is the number of handshakes in progress at once.
var places = 2 * runtime.GOMAXPROCS(0)

// serving serves fake connections in a synctest bubble. The function stop ends it.
func serving(t *testing.T, handler http.Handler, opts listener.Options) (fake *fakeListener, stop func()) {
	t.Helper()
	fake = newFakeListener()
	opts.Logger = quiet
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- listener.Serve(ctx, fake, handler, opts) }()
	return fake, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// dial returns a new connection that is closed when the test ends.
func dial(t *testing.T, fake *fakeListener) net.Conn {
	t.Helper()
	conn, err := fake.dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// upgrades is a handler whose requests wait until release gets a token for each.
type upgrades struct {
	mayBlock bool // it calls listener.MayBlock
	waiting  atomic.Int64
	release  chan struct{}
}

func (u *upgrades) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	if u.mayBlock {
		listener.MayBlock(r.Context())
	}
	u.waiting.Add(1)
	<-u.release
	u.waiting.Add(-1)
}

// open starts n WebSocket handshakes.
func (u *upgrades) open(t *testing.T, fake *fakeListener, n int) {
	t.Helper()
	for range n {
		conn := dial(t, fake)
		go io.WriteString(conn, upgradeRequest)
		go io.Copy(io.Discard, conn)
	}
}

// TestHandshakesInProgressAreBounded has three times as many handshakes as there are places, whose handlers wait.
func TestHandshakesInProgressAreBounded(t *testing.T) {
	for _, mayBlock := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			handler := &upgrades{mayBlock: mayBlock, release: make(chan struct{})}
			fake, stop := serving(t, handler, listener.Options{})
			handler.open(t, fake, places)
			synctest.Wait()
			if got := handler.waiting.Load(); got != int64(places) {
				t.Errorf("%d handshakes are in progress, want %d", got, places)
			}
			go handler.open(t, fake, 2*places)
			synctest.Wait()
			want := int64(places)
			if mayBlock {
				want = int64(3 * places)
			}
			if got := handler.waiting.Load(); got != want {
				t.Errorf("may block %v: %d handshakes are in progress, want %d", mayBlock, got, want)
			}
			for range 3 * places {
				handler.release <- struct{}{}
			}
			stop()
		})
	}
}

// TestServeAnswersWhileHandlersHang occupies all places for ever.
func TestServeAnswersWhileHandlersHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := &upgrades{release: make(chan struct{})}
		mux := http.NewServeMux()
		mux.Handle("/hangs", handler)
		mux.Handle("/", hello)
		fake, stop := serving(t, mux, listener.Options{})
		for range places {
			conn := dial(t, fake)
			io.WriteString(conn, strings.Replace(upgradeRequest, "/", "/hangs", 1))
		}
		synctest.Wait()
		begin := time.Now()
		if got := get(t, dial(t, fake)); got != "hello" {
			t.Errorf("got %q", got)
		}
		if waited := time.Since(begin); waited > time.Second {
			t.Errorf("the response took %v", waited)
		}
		close(handler.release)
		stop()
	})
}

// exchanges are ways in which a connection ends, other than by an upgrade.
var exchanges = map[string]string{
	"silent":        "",
	"half a line":   "GET / HT",
	"half a header": "GET / HTTP/1.1\r\nHost: relay.test\r\nA: b\r\n",
	"no request":    "nonsense\r\n\r\n",
	"too long":      "GET / HTTP/1.1\r\nA: " + strings.Repeat("b", 32<<10) + "\r\n\r\n",
	"too many":      "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 200) + "\r\n",
	"half a body":   "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
	"complete":      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"pipelined":     strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 3),
	"bad upgrade":   strings.Replace(upgradeRequest, "GET / ", "GET /hello ", 1),
}

// TestEveryEndFreesThePlace ends connections in all ways, with and without reading the response.
func TestEveryEndFreesThePlace(t *testing.T) {
	for name, request := range exchanges {
		synctest.Test(t, func(t *testing.T) {
			handler := &upgrades{release: make(chan struct{})}
			mux := http.NewServeMux()
			mux.Handle("/", handler)
			mux.Handle("/hello", hello)
			request = strings.ReplaceAll(request, "GET / HTTP", "GET /hello HTTP")
			request = strings.ReplaceAll(request, "POST / HTTP", "POST /hello HTTP")
			fake, stop := serving(t, mux, listener.Options{})
			for i := range 2 * places {
				conn := dial(t, fake)
				if i%2 == 0 {
					go io.Copy(io.Discard, conn)
				}
				go io.WriteString(conn, request)
				if i%3 > 0 {
					go func() { time.Sleep(time.Second); conn.Close() }()
				}
			}
			time.Sleep(2 * time.Second)
			handler.open(t, fake, places)
			synctest.Wait()
			if got := handler.waiting.Load(); got != int64(places) {
				t.Errorf("%s: %d handshakes are in progress, want %d", name, got, places)
			}
			close(handler.release)
			time.Sleep(time.Minute) // all time limits of requests end
			stop()
		})
	}
}

// TestDroppedConnectionsTakeNothing floods the listener from one address, beside a client from another one.
func TestDroppedConnectionsTakeNothing(t *testing.T) {
	attacker := netip.MustParseAddr("192.0.2.9")
	synctest.Test(t, func(t *testing.T) {
		due := func() <-chan struct{} { return make(chan struct{}) } // drops yield, too
		opts := listener.Options{DeliveryDue: due, Drop: func(peer netip.Addr) bool { return peer == attacker }}
		fake, stop := serving(t, hello, opts)
		synctest.Wait()
		before, begin := runtime.NumGoroutine(), time.Now()
		const flood = 1000
		for range flood {
			conn, err := fake.dialFrom(attacker)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(conn).ReadByte(); err != io.EOF {
				t.Errorf("a dropped connection got an answer: %v", err)
			}
		}
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines, before the flood %d", after, before)
		}
		if waited := time.Since(begin); waited > (flood+1)*time.Millisecond {
			t.Errorf("the flood took %v", waited)
		}
		if got := get(t, dial(t, fake)); got != "hello" {
			t.Errorf("another address got %q", got)
		}
		stop()
	})
}
