package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

var quiet = slog.New(slog.DiscardHandler)

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

// logWith returns a log with n events, with the timestamps 1 to n.
func logWith(t testing.TB, n int, opts eventlog.Options) *eventlog.Log {
	t.Helper()
	log := openLog(t, opts)
	for i := 1; i <= n; i++ {
		log.Append(event(t, document(i)))
	}
	return log
}

// document returns the document of an event with this timestamp.
func document(timestamp int) string { return fmt.Sprintf(`{"timestamp":%d}`, timestamp) }

func event(t testing.TB, doc string) schema.Event {
	t.Helper()
	ev, _, err := schema.Decode([]byte(doc), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// serve serves a log until the test ends, and returns the server and its address.
func serve(t testing.TB, log *eventlog.Log, startSeq uint64, opts server.Options) (*server.Server, string) {
	t.Helper()
	opts.Logger = quiet
	srv := server.New(log.Reader, startSeq, opts)
	listener := httptest.NewServer(srv)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); srv.Run(ctx) }()
	t.Cleanup(func() { listener.Close(); cancel(); <-done })
	return srv, strings.TrimPrefix(listener.URL, "http://")
}

// request sends a request with headers, given as pairs. It returns the response and its body; of a stream, the part
// up to the given text.
func request(t testing.TB, method, url, until string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(testwait.Context(t), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if until == "" {
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, string(body)
	}
	var body strings.Builder
	for buf := make([]byte, 512); !strings.Contains(body.String(), until); {
		n, err := response.Body.Read(buf)
		body.Write(buf[:n])
		if err != nil {
			t.Fatalf("got %q instead of %q: %v", body.String(), until, err)
		}
	}
	return response, body.String()
}

func dial(t testing.TB, url string, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	conn, response, err := websocket.Dial(testwait.Context(t), url, &websocket.DialOptions{HTTPHeader: header})
	if err == nil {
		t.Cleanup(func() { conn.CloseNow() })
	}
	return conn, response, err
}

// expect reads the next messages and compares them.
func expect(t testing.TB, conn *websocket.Conn, messages ...string) {
	t.Helper()
	for _, want := range messages {
		_, got, err := conn.Read(testwait.Context(t))
		if err != nil {
			t.Fatalf("got %v, want %s", err, want)
		}
		if string(got) != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// waitForClients waits until the server has n clients.
func waitForClients(t testing.TB, srv *server.Server, n int) {
	t.Helper()
	if !testwait.Until(func() bool { return srv.Status().Clients == n }) {
		t.Fatalf("the server has %d clients, want %d", srv.Status().Clients, n)
	}
}

// serveHTTP returns the handler's response to a GET request.
func serveHTTP(handler http.Handler, target string) *httptest.ResponseRecorder {
	return serveHTTPFrom(handler, target, "192.0.2.1:1")
}

// serveHTTPFrom returns the handler's response to a GET request from an address.
func serveHTTPFrom(handler http.Handler, target, address string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	r.RemoteAddr = address
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, r)
	return response
}

// inUse returns the bytes of the heap in use and the number of goroutines.
func inUse() (heap uint64, goroutines int) {
	runtime.GC()
	runtime.GC() // frees the objects whose finalizers ran after the first
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc, runtime.NumGoroutine()
}
