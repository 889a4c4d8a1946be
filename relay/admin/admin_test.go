package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

// operated is a relay without clients, and what operators see of it.
type operated struct {
	t        *testing.T
	rel      *relay.Relay
	monitor  *admin.Monitor
	watch    admin.Watch
	stopping chan struct{}
	url      string
}

func operate(t *testing.T, opts admin.Options) *operated {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	log, err := eventlog.Open(t.TempDir(), eventlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	o := &operated{t: t, monitor: admin.NewMonitor(), stopping: make(chan struct{})}
	o.watch = admin.Watch{File: "/wp/latest_event.json", Mode: "inotify", Present: true, Heartbeat: time.Now()}
	o.rel = relay.New(log, relay.Options{Decided: o.monitor.Decided, Logger: quiet})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); o.rel.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	served := server.New(log.Reader, 0, server.Options{Logger: quiet})
	health := admin.Health{
		Version:  "v1",
		Started:  time.Now(),
		Relay:    o.rel,
		Server:   func() *server.Server { return served },
		Forward:  func() (sent, dropped, failed uint64) { return 3, 2, 1 },
		Watch:    func() admin.Watch { return o.watch },
		Stopping: o.stopping,
	}
	server := httptest.NewServer(admin.New(health, o.monitor, opts))
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

func (o *operated) get(path string) (status int, body string) {
	o.t.Helper()
	response, err := http.Get(o.url + path)
	if err != nil {
		o.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func (o *operated) ingest(file string) {
	o.t.Helper()
	if err := o.rel.Ingest(o.t.Context(), []byte(file), time.Now()); err != nil {
		o.t.Fatal(err)
	}
	if err := o.rel.Flush(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

func TestARelayIsReadyOnlyWhileItWouldSeeEvents(t *testing.T) {
	o := operate(t, admin.Options{})
	good := o.watch
	for want, change := range map[string]func(*admin.Watch){
		"not watched yet":      func(w *admin.Watch) { w.Mode = "" },
		"held up for 1m":       func(w *admin.Watch) { w.Heartbeat = w.Heartbeat.Add(-time.Minute) },
		"the watch is lost: x": func(w *admin.Watch) { w.Problem = "x" },
	} {
		o.watch = good
		change(&o.watch)
		if status, body := o.get("/readyz"); status != 503 || !strings.Contains(body, want) {
			t.Errorf("/readyz: %d %q, want 503 with %q", status, body, want)
		}
		if status, _ := o.get("/livez"); status != 200 {
			t.Errorf("/livez: %d while %s", status, want)
		}
	}
	o.watch = good
	if status, body := o.get("/readyz"); status != 200 {
		t.Errorf("/readyz: %d %q", status, body)
	}
	close(o.stopping)
	if status, body := o.get("/readyz"); status != 503 || !strings.Contains(body, "stopping") {
		t.Errorf("/readyz at the end: %d %q", status, body)
	}
	if status, _ := o.get("/livez"); status != 200 {
		t.Errorf("/livez at the end: %d", status)
	}
}

func TestMetricsCountWhatHappened(t *testing.T) {
	o := operate(t, admin.Options{})
	o.ingest(`{"timestamp":1}`)
	o.ingest(`{"timestamp":1}`)
	o.ingest(`{`)
	o.rel.Overwritten(3)
	o.monitor.Delivered(2 * time.Millisecond)
	_, text := o.get("/metrics")
	for _, want := range []string{
		`wpre_relay_events_total{decision="relayed"} 1`,
		`wpre_relay_events_total{decision="duplicate"} 1`,
		`wpre_relay_events_total{decision="invalid"} 1`,
		`wpre_relay_events_total{decision="overwritten"} 3`,
		`wpre_relay_events_total{decision="torn"} 0`,
		`wpre_relay_clients{transport="websocket"} 0`,
		`wpre_relay_clients{transport="sse"} 0`,
		`wpre_relay_connections_rejected_total{reason="origin"} 0`,
		`wpre_relay_messages_sent_total 0`,
		`wpre_relay_watcher_mode{mode="inotify"} 1`,
		`wpre_relay_watcher_outbox 0`,
		`wpre_relay_forwarded_messages_total{result="dropped"} 2`,
		`wpre_relay_delivery_seconds_bucket{le="0.001"} 0`,
		`wpre_relay_delivery_seconds_bucket{le="0.0025"} 1`,
		`wpre_relay_ready 1`,
		`wpre_relay_build_info{goversion="go1.`,
		`process_open_fds`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

func TestTheLiveStreamShowsEachChangeOnce(t *testing.T) {
	o := operate(t, admin.Options{})
	o.ingest(`{"timestamp":1,"type":"post_saved","post_id":9,"post_title":"Grüße","status":"publish"}`)
	response, err := http.Get(o.url + "/api/live")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	var got []string
	read := func(n int) {
		t.Helper()
		for kind := ""; len(got) < n && lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				kind = name
			}
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok || kind != "changes" {
				continue
			}
			var entries []admin.Entry
			if err := json.Unmarshal([]byte(data), &entries); err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				got = append(got, fmt.Sprint(e.Number, e.Decision, e.Writes, e.Type, e.PostID, e.Status, e.Title))
			}
		}
	}
	read(1)
	o.ingest(`{"timestamp":2,"post_title":"` + strings.Repeat("x", 5000) + `"}`)
	o.rel.Overwritten(2)
	read(3)
	want := []string{"1 relayed 1 post_saved 9 publish Grüße", "2 relayed 1  <nil> <nil> ", "3 overwritten 2  <nil> <nil> "}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], " ", "")
	}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], " ", "")
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	close(o.stopping)
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("the stream does not end with the relay: %v", err)
	}
}

func TestAPageUnderAnotherNameSeesNothing(t *testing.T) {
	for _, tc := range []struct {
		local  bool
		host   string
		path   string
		status int
	}{
		{true, "evil.example:8081", "/api/status", 403},
		{true, "evil.example", "/", 403},
		{true, "localhost.evil.example:8081", "/api/live", 403},
		{true, "evil.example", "/livez", 200},
		{true, "localhost:8081", "/api/status", 200},
		{true, "127.0.0.1:8081", "/", 200},
		{true, "[::1]:8081", "/page.js", 200},
		{false, "ops.example.com", "/api/status", 200},
	} {
		o := operate(t, admin.Options{Local: tc.local})
		request, err := http.NewRequest("GET", o.url+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = tc.host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != tc.status {
			t.Errorf("%s of %s: %d, want %d", tc.path, tc.host, response.StatusCode, tc.status)
		}
	}
}

func TestProfilesAreGivenOnlyIfAskedFor(t *testing.T) {
	for asked, want := range map[bool]int{false: 404, true: 200} {
		if status, _ := operate(t, admin.Options{Profiles: asked}).get("/debug/pprof/goroutine"); status != want {
			t.Errorf("asked for %t: %d, want %d", asked, status, want)
		}
	}
}

func TestTheReportSumsUp(t *testing.T) {
	o := operate(t, admin.Options{})
	o.ingest(`{"timestamp":1}`)
	for i := range 100 {
		o.monitor.Delivered(time.Duration(i+1) * time.Millisecond)
	}
	var report admin.Report
	if _, body := o.get("/api/status"); json.Unmarshal([]byte(body), &report) != nil {
		t.Fatal(body)
	}
	if want := (admin.Delivery{Count: 100, P50: 50, P99: 99, Last: 100}); report.Delivery != want {
		t.Errorf("delivery %+v, want %+v", report.Delivery, want)
	}
	if report.Version != "v1" || report.Kept != 1 || report.NotReady != "" || report.Decisions[relay.Relayed] != 1 || report.Watch.Mode != "inotify" {
		t.Errorf("got %+v", report)
	}
}
