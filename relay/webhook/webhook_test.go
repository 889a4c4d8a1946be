package webhook_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/testwait"
	"wpre-relay/relay/webhook"
)

// site is a server that records requests. It responds with the codes in order, and then with 200.
type site struct {
	*httptest.Server
	user     string        // user and password in the form of a URL
	received chan struct{} // gets an element for each request

	mu       sync.Mutex
	codes    []int    // guarded by mu
	requests []string // guarded by mu
}

func newSite(t *testing.T, codes ...int) *site {
	s := &site{user: "bot:abcd%20efgh", codes: codes, received: make(chan struct{}, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		request := strings.Join([]string{r.Method, r.URL.String(), user, password, string(body)}, " ")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, request)
		if len(s.codes) > 0 {
			w.WriteHeader(s.codes[0])
			s.codes = s.codes[1:]
		}
		s.received <- struct{}{}
	}))
	t.Cleanup(s.Close)
	return s
}

// hook returns a hook for the site that runs until the test ends.
func (s *site) hook(t *testing.T) *webhook.Hook {
	address, err := url.Parse(strings.Replace(s.URL, "://", "://"+s.user+"@", 1) + "/wp-json/site/v1/message?x=1")
	if err != nil {
		t.Fatal(err)
	}
	hook := webhook.New(address, slog.New(slog.DiscardHandler))
	run(t, context.Background(), hook)
	return hook
}

// run runs a hook until stop or the end of the test.
func run(t *testing.T, ctx context.Context, hook *webhook.Hook) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { hook.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

// wait waits for n more requests and returns all.
func (s *site) wait(t *testing.T, n int) []string {
	t.Helper()
	limit := testwait.Context(t)
	for range n {
		select {
		case <-s.received:
		case <-limit.Done():
			t.Fatalf("got %q, want %d more requests", s.requests, n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func TestSendsMessagesInOrderWithRetries(t *testing.T) {
	s := newSite(t, http.StatusServiceUnavailable, http.StatusOK, http.StatusForbidden)
	hook := s.hook(t)
	hook.Enqueue(webhook.Message{Text: "one", Client: "7"})
	hook.Enqueue(webhook.Message{Text: "rejected"})
	hook.Enqueue(webhook.Message{Text: `"three" <`})
	got := s.wait(t, 4)
	const prefix = "POST /wp-json/site/v1/message?x=1 bot abcd efgh "
	want := []string{
		prefix + `{"text":"one","client":"7"}`,
		prefix + `{"text":"one","client":"7"}`,
		prefix + `{"text":"rejected"}`,
		prefix + `{"text":"\"three\" \u003c"}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	hook.Enqueue(webhook.Message{Text: "four"})
	s.wait(t, 1)
	if sent, dropped, failed := hook.Counts(); sent < 2 || dropped != 0 || failed != 1 {
		t.Errorf("%d sent, %d dropped, %d failed, want 2 or 3, 0 and 1", sent, dropped, failed)
	}
}

func TestHangingSiteDoesNotBlockEnqueue(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	s := &site{Server: server}
	hook := s.hook(t)
	for range 3000 { // 1000 of them are queued, and one is being sent
		hook.Enqueue(webhook.Message{Text: "x"})
	}
	if _, dropped, _ := hook.Counts(); dropped < 1999 {
		t.Errorf("%d of 3000 messages dropped, want 1999", dropped)
	}
}

func TestLogOmitsSecretsOfURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		address, err := url.Parse("https://bot:pa55word@127.0.0.1:1/message/pa55word?key=pa55word")
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		hook := webhook.New(address, slog.New(slog.NewTextHandler(&log, nil)))
		stop := run(t, t.Context(), hook)
		hook.Enqueue(webhook.Message{Text: "one"})
		time.Sleep(time.Minute)
		stop()
		_, _, failed := hook.Counts()
		text := log.String()
		if failed != 1 || !strings.Contains(text, "refused") || strings.Contains(text, "pa55word") {
			t.Errorf("%d failed, log:\n%s", failed, text)
		}
	})
}

// TestUserWithoutPasswordIsSent uses a token as the user.
func TestUserWithoutPasswordIsSent(t *testing.T) {
	s := newSite(t)
	s.user = "token"
	hook := s.hook(t)
	hook.Enqueue(webhook.Message{Text: "one"})
	want := `POST /wp-json/site/v1/message?x=1 token  {"text":"one"}`
	if got := s.wait(t, 1)[0]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
