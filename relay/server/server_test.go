package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
	"wpre-relay/schema"
)

const patience = 20 * time.Second

// serve serves log until the test ends and returns the address.
func serve(t testing.TB, log *eventlog.Log, found uint64, opts server.Options) (*server.Server, string) {
	t.Helper()
	opts.Logger = quiet
	srv := server.New(log.Reader, found, opts)
	listener := httptest.NewServer(srv)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); srv.Run(ctx) }()
	t.Cleanup(func() { listener.Close(); cancel(); <-done })
	return srv, strings.TrimPrefix(listener.URL, "http://")
}

func dial(t testing.TB, url string, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: header})
	if err == nil {
		t.Cleanup(func() { conn.CloseNow() })
	}
	return conn, response, err
}

func read(t testing.TB, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, message, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

func event(t testing.TB, doc string) schema.Event {
	t.Helper()
	ev, _, err := schema.Decode([]byte(doc), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestAnyPathUpgrades(t *testing.T) {
	log := openLog(t, t.TempDir(), eventlog.Options{})
	_, address := serve(t, log, 0, server.Options{})
	for _, path := range []string{"/", "/ws", "/any/path?token=x", "/livez"} {
		if _, _, err := dial(t, "ws://"+address+path, nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOtherRequestsGet426AndALineThatHelps(t *testing.T) {
	_, address := serve(t, openLog(t, t.TempDir(), eventlog.Options{}), 0, server.Options{})
	for _, tc := range []struct {
		path, key string
		status    int
		want      string
	}{
		{"/", "", 426, "ws://" + address + "/"},
		{"/", "AAAAAAAAAAAAAAAAAAAAAA==", 426, "proxy"},
		{"/livez", "", 200, "ok"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+address+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tc.key != "" {
			request.Header.Set("Sec-WebSocket-Key", tc.key)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != tc.status || !strings.Contains(string(body), tc.want) {
			t.Errorf("GET %s: %s, %q, %v; want %d and %q", tc.path, response.Status, body, err, tc.status, tc.want)
		}
	}
}

func TestForeignPagesGet403(t *testing.T) {
	srv, address := serve(t, openLog(t, t.TempDir(), eventlog.Options{}), 0, server.Options{})
	_, response, err := dial(t, "ws://"+address, http.Header{"Origin": {"https://evil.example"}})
	if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, want 403", err)
	}
	if _, _, err := dial(t, "ws://"+address, http.Header{"Origin": {"http://127.0.0.1:8888"}}); err != nil {
		t.Errorf("the site's own page: %v", err)
	}
	if got := srv.Status().Rejected["origin"]; got != 1 {
		t.Errorf("%d refusals counted, want 1", got)
	}
}

func TestLimitsOfClients(t *testing.T) {
	for name, tc := range map[string]struct {
		opts   server.Options
		status int
	}{
		"in all":           {server.Options{MaxClients: 2}, http.StatusServiceUnavailable},
		"from one address": {server.Options{MaxClientsPerIP: 2}, http.StatusTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			srv, address := serve(t, openLog(t, t.TempDir(), eventlog.Options{}), 0, tc.opts)
			first, _, err1 := dial(t, "ws://"+address, nil)
			_, _, err2 := dial(t, "ws://"+address, nil)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			_, response, err := dial(t, "ws://"+address, nil)
			if err == nil || response == nil || response.StatusCode != tc.status || response.Header.Get("Retry-After") == "" {
				t.Fatalf("the third client: %v, want %d with Retry-After", err, tc.status)
			}
			first.Close(websocket.StatusNormalClosure, "")
			for deadline := time.Now().Add(patience); srv.Status().Clients > 1; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the first client does not leave")
				}
			}
			if _, _, err := dial(t, "ws://"+address, nil); err != nil {
				t.Errorf("in the place of the first: %v", err)
			}
		})
	}
}

func TestWhatWasFoundAtTheStartIsSentToThoseWhoComeSoon(t *testing.T) {
	for name, tc := range map[string]struct {
		catchUp time.Duration
		want    []string
	}{
		"soon":     {time.Hour, []string{"welcome", `{"timestamp":2}`}},
		"never":    {0, []string{"welcome"}},
		"too late": {time.Nanosecond, []string{"welcome"}},
	} {
		t.Run(name, func(t *testing.T) {
			log := openLog(t, t.TempDir(), eventlog.Options{})
			log.Append(event(t, `{"timestamp":1}`))
			before := log.Head().Seq
			log.Append(event(t, `{"timestamp":2}`))
			_, address := serve(t, log, before, server.Options{CatchUp: tc.catchUp, Welcome: "welcome"})
			log.Append(event(t, `{"timestamp":3}`)) // live, and nobody there
			conn, _, err := dial(t, "ws://"+address, nil)
			if err != nil {
				t.Fatal(err)
			}
			log.Append(event(t, `{"timestamp":4}`))
			for _, want := range append(tc.want, `{"timestamp":4}`) {
				if got := read(t, conn); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

var quiet = slog.New(slog.DiscardHandler)

func openLog(t testing.TB, dir string, opts eventlog.Options) *eventlog.Log {
	t.Helper()
	opts.Logger = quiet
	log, err := eventlog.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}
