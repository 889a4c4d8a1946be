package access_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wpre-relay/relay/security/access"
)

// newSite returns a Site with the given handler, and its log.
func newSite(t testing.TB, handler http.HandlerFunc) (*access.Site, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	authURL, err := url.Parse(server.URL + "/who?x=1")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	return access.NewSite(authURL, slog.New(slog.NewTextHandler(&log, nil))), &log
}

// answerAuth answers as a site does whose visitors have the cookie user=NAME. Some names stand for unusual answers.
func answerAuth(w http.ResponseWriter, r *http.Request) {
	cookie, _ := r.Cookie("user")
	origin, address := r.Header.Get("Origin"), r.Header.Get("X-Forwarded-For")
	switch {
	case r.URL.String() != "/who?x=1" || origin != "https://site.test" || address != "203.0.113.9":
		w.WriteHeader(http.StatusTeapot)
	case cookie == nil:
		http.Redirect(w, r, "/wp-login.php", http.StatusFound)
	case cookie.Value == "page":
		fmt.Fprint(w, "<html>")
	case cookie.Value == "banned":
		w.WriteHeader(http.StatusForbidden)
	case cookie.Value == "broken":
		w.WriteHeader(http.StatusInternalServerError)
	case cookie.Value == "long":
		fmt.Fprint(w, `{"sub":"`, strings.Repeat("x", 70_000), `"}`)
	case cookie.Value == "past":
		fmt.Fprint(w, `{"exp":1}`)
	default:
		fmt.Fprintf(w, `{"sub":%q,"exp":%d}`, cookie.Value, time.Now().Add(time.Minute).Unix())
	}
}

func TestSiteAuthorizesClients(t *testing.T) {
	site, log := newSite(t, answerAuth)
	required := access.New(access.Options{Site: site})
	optional := access.New(access.Options{Site: site, Anonymous: true})
	for cookie, want := range map[string][2]string{
		"":            {"unknown", "public"},
		"user=ann":    {"ann", "ann"},
		"user=page":   {"<nil>", "<nil>"},
		"user=banned": {"forbidden", "public"},
		"other=x":     {"unknown", "public"},
		"user=broken": {"unavailable", "unavailable"},
		"user=long":   {"unavailable", "unavailable"},
		"user=past":   {"unknown", "public"},
	} {
		r := request("/", "Origin: https://site.test")
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		if got := [2]string{result(required, r), result(optional, r)}; got != want {
			t.Errorf("%s: %v, want %v", cookie, got, want)
		}
	}
	if strings.Contains(log.String(), "user=") {
		t.Errorf("the log contains cookies: %s", log)
	}
	identity, err := required.Authenticate(request("/", "Origin: https://site.test", "Cookie: user=bob"), "203.0.113.9")
	if left := time.Until(identity.Expires); err != nil || left > time.Minute || left < 50*time.Second {
		t.Errorf("the identity expires in %v, want one minute (%v)", left, err)
	}
}

func TestSiteAnswersAreSharedExceptFailures(t *testing.T) {
	var requests atomic.Int32
	var fails atomic.Bool
	site, _ := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if fails.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	auth := access.New(access.Options{Site: site})
	fails.Store(true)
	for range 2 {
		if got := result(auth, request("/", "Cookie: a=b")); got != "unavailable" {
			t.Errorf("got %s", got)
		}
	}
	if n := requests.Swap(0); n != 2 {
		t.Errorf("%d requests after failures, want 2", n)
	}
	fails.Store(false)
	var clients sync.WaitGroup
	for range 50 {
		clients.Go(func() {
			if got := result(auth, request("/", "Cookie: a=b")); got != "<nil>" {
				t.Errorf("got %s", got)
			}
		})
	}
	clients.Wait()
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests for 50 clients with one cookie, want 1", n)
	}
	if got := result(auth, request("/", "Cookie: a=c")); got != "<nil>" || requests.Load() != 2 {
		t.Errorf("another cookie: %s, %d requests", got, requests.Load())
	}
	if got := result(auth, request("/site-2", "Cookie: a=c")); got != "<nil>" || requests.Load() != 3 {
		t.Errorf("another path: %s, %d requests", got, requests.Load())
	}
}

func TestSiteLearnsPathWithoutQuery(t *testing.T) {
	var path, query string
	site, _ := newSite(t, func(_ http.ResponseWriter, r *http.Request) {
		path, query = r.Header.Get("X-Forwarded-Uri"), r.URL.RawQuery
	})
	r := request("/ws/site-2/events?access_token=x", "X-Forwarded-Uri: /ws/site-3")
	if got := result(access.New(access.Options{Site: site}), r); got != "<nil>" {
		t.Errorf("got %s", got)
	}
	if path != "/ws/site-2/events" || query != "x=1" {
		t.Errorf("the site got the path %q and the query %q", path, query)
	}
}

func TestUnreachableSiteRejectsAllClients(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	authURL, _ := url.Parse(server.URL)
	server.Close()
	for _, anonymous := range []bool{false, true} {
		site := access.NewSite(authURL, slog.New(slog.DiscardHandler))
		auth := access.New(access.Options{Site: site, Anonymous: anonymous})
		if got := result(auth, request("/", "Cookie: a=b")); got != "unavailable" {
			t.Errorf("got %s", got)
		}
	}
}
