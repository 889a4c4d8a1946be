package admin_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

// fixture is a relay without clients and its admin server.
type fixture struct {
	t        *testing.T
	rel      *relay.Relay
	monitor  *admin.Monitor
	watch    admin.Watch
	stopping chan struct{}
	deaf     error // why a listener accepts no connections
	hangs    error // the file operation that hangs
	health   admin.Health
	url      string
}

func newFixture(t *testing.T, opts admin.Options) *fixture {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	log, err := eventlog.Open(t.TempDir(), eventlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	f := &fixture{t: t, monitor: admin.NewMonitor(), stopping: make(chan struct{})}
	f.watch = admin.Watch{File: "/wp/latest_event.json", Mode: "inotify", Present: true, Heartbeat: time.Now()}
	f.rel = relay.New(log, relay.Options{OnDecision: f.monitor.AddChange, Logger: quiet})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); f.rel.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	served := server.New(log.Reader, 0, server.Options{Logger: quiet})
	f.health = admin.Health{
		Version:    "v1",
		Started:    time.Now(),
		Relay:      f.rel,
		Server:     func() *server.Server { return served },
		Forward:    func() (sent, dropped, failed uint64) { return 3, 2, 1 },
		Watch:      func() admin.Watch { return f.watch },
		LogDropped: func() uint64 { return 4 },
		Accepting:  func() error { return f.deaf },
		Hangs:      func() error { return f.hangs },
		Proxies:    func() (missing, unexpected uint64) { return 5, 6 },
		Stopping:   f.stopping,
	}
	server := httptest.NewServer(admin.New(f.health, f.monitor, opts))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fixture) get(path string) (status int, body string) {
	f.t.Helper()
	response, err := http.Get(f.url + path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func (f *fixture) ingest(file string) {
	f.t.Helper()
	if err := f.rel.Ingest(f.t.Context(), []byte(file), time.Now()); err != nil {
		f.t.Fatal(err)
	}
	if err := f.rel.Flush(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}
