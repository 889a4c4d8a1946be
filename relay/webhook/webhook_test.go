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

	"wpre-relay/relay/webhook"
)

// site takes what is forwarded, and answers with the codes it is given, 200 after them.
type site struct {
	*httptest.Server
	user  string // and password, as in an address
	mu    sync.Mutex
	codes []int
	got   []string
	came  chan struct{}
}

func newSite(t *testing.T, codes ...int) *site {
	s := &site{user: "bot:abcd%20efgh", codes: codes, came: make(chan struct{}, 5000)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, strings.Join([]string{r.Method, r.URL.String(), user, password, string(body)}, " "))
		if len(s.codes) > 0 {
			w.WriteHeader(s.codes[0])
			s.codes = s.codes[1:]
		}
		s.came <- struct{}{}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) hook(t *testing.T) *webhook.Hook {
	address, err := url.Parse(strings.Replace(s.URL, "://", "://"+s.user+"@", 1) + "/wp-json/site/v1/said?x=1")
	if err != nil {
		t.Fatal(err)
	}
	hook := webhook.New(address, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); hook.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return hook
}

// wait waits for n requests.
func (s *site) wait(t *testing.T, n int) []string {
	t.Helper()
	for range n {
		select {
		case <-s.came:
		case <-time.After(30 * time.Second):
			t.Fatalf("got %q, want %d requests", s.got, n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

func TestMessagesAreHandedOverInOrder(t *testing.T) {
	s := newSite(t, http.StatusServiceUnavailable, http.StatusOK, http.StatusForbidden)
	hook := s.hook(t)
	hook.Enqueue(webhook.Message{Text: "one", Client: "7"})
	hook.Enqueue(webhook.Message{Text: "refused"})
	hook.Enqueue(webhook.Message{Text: `"three" <`})
	got := s.wait(t, 4)
	const at = "POST /wp-json/site/v1/said?x=1 bot abcd efgh "
	want := []string{at + `{"text":"one","client":"7"}`, at + `{"text":"one","client":"7"}`, at + `{"text":"refused"}`, at + `{"text":"\"three\" \u003c"}`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the site got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	hook.Enqueue(webhook.Message{Text: "four"})
	s.wait(t, 1)
	if sent, dropped, failed := hook.Counts(); sent < 2 || dropped != 0 || failed != 1 {
		t.Errorf("%d are sent, %d dropped and %d failed, want 2 or 3, 0 and 1", sent, dropped, failed)
	}
}

func TestNobodyWaitsForASiteThatHangs(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	s := &site{Server: server}
	hook := s.hook(t)
	for range 3000 { // of which 1000 wait, and one is on its way
		hook.Enqueue(webhook.Message{Text: "x"})
	}
	if _, dropped, _ := hook.Counts(); dropped < 1999 {
		t.Errorf("%d of 3000 are dropped, want 1999", dropped)
	}
}

// TestSecretsOfTheAddressAreNotLogged asks a site that is away.
func TestSecretsOfTheAddressAreNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		address, err := url.Parse("https://bot:pa55word@127.0.0.1:1/said/pa55word?key=pa55word")
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		hook := webhook.New(address, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); hook.Run(ctx) }()
		hook.Enqueue(webhook.Message{Text: "one"})
		time.Sleep(time.Minute)
		cancel()
		<-ended
		if _, _, failed := hook.Counts(); failed != 1 || !strings.Contains(log.String(), "refused") || strings.Contains(log.String(), "pa55word") {
			t.Errorf("%d failed; the log says\n%s", failed, log.String())
		}
	})
}

// TestAUserNeedsNoPassword, as where it is a token.
func TestAUserNeedsNoPassword(t *testing.T) {
	s := newSite(t)
	s.user = "token"
	hook := s.hook(t)
	hook.Enqueue(webhook.Message{Text: "one"})
	if got, want := s.wait(t, 1)[0], `POST /wp-json/site/v1/said?x=1 token  {"text":"one"}`; got != want {
		t.Errorf("the site got\n%s\nwant\n%s", got, want)
	}
}
