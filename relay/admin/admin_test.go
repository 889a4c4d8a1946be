package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/admin"
)

func TestReadyOnlyWhileEventsAreCaptured(t *testing.T) {
	f := newFixture(t, admin.Options{})
	good := f.watch
	for want, change := range map[string]func(*admin.Watch){
		"not watched yet":      func(w *admin.Watch) { w.Mode = "" },
		"blocked for 1m":       func(w *admin.Watch) { w.Heartbeat = w.Heartbeat.Add(-time.Minute) },
		"the watch is lost: x": func(w *admin.Watch) { w.Problem = "x" },
		"hangs: read /mnt":     func(w *admin.Watch) { w.Hangs = "read /mnt" },
	} {
		f.watch = good
		change(&f.watch)
		if status, body := f.get("/readyz"); status != 503 || !strings.Contains(body, want) {
			t.Errorf("/readyz: %d %q, want 503 with %q", status, body, want)
		}
		if status, _ := f.get("/livez"); status != 200 {
			t.Errorf("/livez: %d although the relay is only not ready: %s", status, want)
		}
	}
	f.watch = good
	if status, body := f.get("/readyz"); status != 200 {
		t.Errorf("/readyz: %d %q", status, body)
	}
	close(f.stopping)
	if status, body := f.get("/readyz"); status != 503 || !strings.Contains(body, "stopping") {
		t.Errorf("/readyz while stopping: %d %q", status, body)
	}
	if status, _ := f.get("/livez"); status != 200 {
		t.Errorf("/livez while stopping: %d", status)
	}
}

func TestDeafListenerFailsHealthChecks(t *testing.T) {
	f := newFixture(t, admin.Options{})
	for _, deaf := range []error{errors.New("--listen: accept has failed"), nil} {
		f.deaf = deaf
		for _, path := range []string{"/livez", "/readyz"} {
			status, body := f.get(path)
			if deaf != nil && (status != 503 || !strings.Contains(body, deaf.Error())) || deaf == nil && status != 200 {
				t.Errorf("%s with %v: %d %q", path, deaf, status, body)
			}
		}
	}
}

func TestHangingStateDirectoryIsNotReady(t *testing.T) {
	f := newFixture(t, admin.Options{})
	f.hangs = errors.New("sync /mnt has not returned")
	if status, body := f.get("/readyz"); status != 503 || !strings.Contains(body, f.hangs.Error()) {
		t.Errorf("/readyz: %d %q", status, body)
	}
	if status, _ := f.get("/livez"); status != 200 {
		t.Errorf("/livez: %d, although a restart would not help", status)
	}
}

func TestLocalOnlyRejectsForeignHostNames(t *testing.T) {
	for _, tc := range []struct {
		localOnly bool
		host      string
		path      string
		status    int
	}{
		{true, "evil.example:8081", "/api/status", 403},
		{true, "evil.example", "/", 403},
		{true, "localhost.evil.example:8081", "/api/live", 403},
		{true, "evil.example", "/livez", 403},
		{true, "evil.example", "/readyz", 403},
		{true, "evil.example", "/metrics", 403},
		{true, "evil.example", "/publish", 403},
		{true, "evil.example", "/debug/pprof/", 403},
		{true, "127.0.0.1.evil.example:8081", "/nothing", 403},
		{true, "LOCALHOST.:8081", "/metrics", 200},
		{false, "ops.example.com", "/metrics", 200},
		{true, "localhost:8081", "/api/status", 200},
		{true, "127.0.0.1:8081", "/", 200},
		{true, "[::1]:8081", "/page.js", 200},
		{false, "ops.example.com", "/api/status", 200},
	} {
		f := newFixture(t, admin.Options{LocalOnly: tc.localOnly})
		request, err := http.NewRequest("GET", f.url+tc.path, nil)
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

func TestProfilesAreServedOnlyIfEnabled(t *testing.T) {
	for enabled, want := range map[bool]int{false: 404, true: 200} {
		if status, _ := newFixture(t, admin.Options{Profiles: enabled}).get("/debug/pprof/goroutine"); status != want {
			t.Errorf("enabled %t: status %d, want %d", enabled, status, want)
		}
	}
}

func TestStatusSummarizesDeliveries(t *testing.T) {
	f := newFixture(t, admin.Options{})
	f.ingest(`{"timestamp":1}`)
	for i := range 100 {
		f.monitor.AddDelivery(time.Duration(i+1) * time.Millisecond)
	}
	var report admin.Report
	if _, body := f.get("/api/status"); json.Unmarshal([]byte(body), &report) != nil {
		t.Fatal(body)
	}
	if want := (admin.Delivery{Count: 100, P50: 50, P99: 99, Last: 100}); report.Delivery != want {
		t.Errorf("delivery %+v, want %+v", report.Delivery, want)
	}
	if report.Version != "v1" || report.Kept != 1 || report.NotReady != "" ||
		report.Decisions[relay.Relayed] != 1 || report.Watch.Mode != "inotify" {
		t.Errorf("got %+v", report)
	}
}

func TestPublishRequiresTheToken(t *testing.T) {
	long := `{"timestamp":1,"a":"` + strings.Repeat("a", 100) + `"}`
	for _, tc := range []struct{ token, authorization, document, want string }{
		{"secret", "Bearer secret", `{"timestamp":1}`, `200 {"decision":"relayed"}`},
		{"secret", "bearer  secret ", `{"timestamp":1}`, `200 {"decision":"relayed"}`},
		{"secret", "Bearer secret", `[]`, "400 wpre-relay: invalid event: "},
		{"secret", "Bearer secret", long, "413 wpre-relay: event is larger than 100 bytes"},
		{"secret", "Bearer other", `{"timestamp":1}`, "401 wpre-relay: unauthorized: "},
		{"secret", "Basic secret", `{"timestamp":1}`, "401 wpre-relay: unauthorized: "},
		{"secret", "", `{"timestamp":1}`, "401 wpre-relay: unauthorized: "},
		{"", "Bearer ", `{"timestamp":1}`, "401 wpre-relay: unauthorized: "},
	} {
		f := newFixture(t, admin.Options{})
		handler := admin.Publishing{
			Token: tc.token, MaxSize: 100, Buffers: admin.PublishBuffers(100), Publish: f.rel.Publish,
		}
		request := httptest.NewRequest("POST", "/publish", strings.NewReader(tc.document))
		request.Header.Set("Authorization", tc.authorization)
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		if got := fmt.Sprint(response.Code, " ", response.Body); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%q with token %q: got %q, want %q", tc.authorization, tc.token, got, tc.want)
		}
	}
}

// slowBody is a request body whose first read waits.
type slowBody struct {
	reads    chan<- struct{}
	released <-chan struct{}
}

func (b slowBody) Read([]byte) (int, error) {
	b.reads <- struct{}{}
	<-b.released
	return 0, io.EOF
}

// TestSlowPublishersAreLimited has publishers at one address whose events of unknown size do not arrive.
func TestSlowPublishersAreLimited(t *testing.T) {
	const maxSize, most = 4 << 20, 2 // of 16 MiB, half are for one address
	f := newFixture(t, admin.Options{})
	handler := admin.Publishing{
		Token: "secret", MaxSize: maxSize, Buffers: admin.PublishBuffers(maxSize), Publish: f.rel.Publish,
	}
	publish := func(address string, body io.Reader) *httptest.ResponseRecorder {
		request := httptest.NewRequest("POST", "/publish", body)
		request.RemoteAddr = address
		request.Header.Set("Authorization", "Bearer secret")
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		return response
	}
	reads, released := make(chan struct{}, most), make(chan struct{})
	var slow sync.WaitGroup
	for range most {
		slow.Go(func() { publish("192.0.2.1:1", slowBody{reads, released}) })
		<-reads
	}
	response := publish("192.0.2.1:2", slowBody{reads, released})
	if response.Code != http.StatusServiceUnavailable || response.Header().Get("Retry-After") == "" {
		t.Errorf("got %d, %v, want 503 and Retry-After", response.Code, response.Header())
	}
	if response := publish("192.0.2.2:1", strings.NewReader(`{"timestamp":1}`)); response.Code != http.StatusOK {
		t.Errorf("another address: %d", response.Code)
	}
	close(released)
	slow.Wait()
	if status := handler.Buffers.Status(); status.Used != 0 {
		t.Errorf("afterwards: %+v", status)
	}
}
