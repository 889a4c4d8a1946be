package access_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wpre-relay/relay/security/access"
	"wpre-relay/relay/security/token"
)

const secret = "0123456789abcdef0123456789abcdef"

func tokens(t testing.TB) *token.Verifier {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	verifier, err := token.Open([]string{file}, token.Check{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func mint(t testing.TB, subject string, lives time.Duration) string {
	t.Helper()
	keys, err := token.ParseKeys([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	minted, err := token.Mint(keys[0], token.Claims{"sub": subject, "exp": time.Now().Add(lives).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return minted
}

// request returns a handshake with these headers, as "Name: value".
func request(target string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// who returns as whom the gate takes a client: "public", its subject, or the status with which it is refused.
func who(gate *access.Gate, r *http.Request) string {
	identity, err := gate.Identify(r, "203.0.113.9")
	var refusal *access.Refusal
	switch {
	case errors.As(err, &refusal):
		return fmt.Sprint(refusal.Status)
	case err != nil:
		return err.Error()
	case !identity.Viewer.Token:
		return "public"
	default:
		return fmt.Sprint(identity.Viewer.Claims["sub"]) + identity.Subprotocol
	}
}

func TestWhereATokenMayStand(t *testing.T) {
	required := access.New(access.Options{Tokens: tokens(t), Cookie: "wpre_token"})
	optional := access.New(access.Options{Tokens: tokens(t), Cookie: "wpre_token", Anonymous: true})
	open := access.New(access.Options{})
	good, other, old := mint(t, "ann", time.Hour), mint(t, "bob", time.Hour), mint(t, "eve", -time.Hour)
	for name, tc := range map[string]struct {
		r                        *http.Request
		required, optional, open string
	}{
		"nowhere":                   {request("/"), "401", "public", "public"},
		"header":                    {request("/", "Authorization: Bearer "+good), "ann", "ann", "public"},
		"header in small letters":   {request("/", "Authorization: bearer "+good), "ann", "ann", "public"},
		"header of another kind":    {request("/", "Authorization: Basic YTpi"), "401", "public", "public"},
		"subprotocol":               {request("/", "Sec-WebSocket-Protocol: bearer, "+good), "annbearer", "annbearer", "public"},
		"subprotocol, two lines":    {request("/", "Sec-WebSocket-Protocol: wpre.v1,bearer", "Sec-WebSocket-Protocol: "+good), "annbearer", "annbearer", "public"},
		"subprotocol without":       {request("/", "Sec-WebSocket-Protocol: bearer"), "401", "public", "public"},
		"query":                     {request("/?access_token=" + good), "ann", "ann", "public"},
		"cookie":                    {request("/", "Cookie: a=b; wpre_token="+good), "ann", "ann", "public"},
		"header before cookie":      {request("/", "Cookie: wpre_token="+other, "Authorization: Bearer "+good), "ann", "ann", "public"},
		"expired":                   {request("/?access_token=" + old), "401", "401", "public"},
		"expired before the cookie": {request("/?access_token="+old, "Cookie: wpre_token="+good), "401", "401", "public"},
		"expired cookie":            {request("/", "Cookie: wpre_token="+old), "401", "public", "public"},
		"nonsense":                  {request("/?access_token=x"), "401", "401", "public"},
	} {
		for gate, want := range map[*access.Gate]string{required: tc.required, optional: tc.optional, open: tc.open} {
			if got := who(gate, tc.r); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
}

// site is a site that knows the cookie user=NAME.
func site(t testing.TB, handler http.HandlerFunc) (*access.Site, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL + "/who?x=1")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	return access.NewSite(at, slog.New(slog.NewTextHandler(&log, nil))), &log
}

func TestTheSiteIsAsked(t *testing.T) {
	asked, log := site(t, func(w http.ResponseWriter, r *http.Request) {
		cookie, _ := r.Cookie("user")
		switch {
		case r.URL.String() != "/who?x=1" || r.Header.Get("Origin") != "https://site.test" || r.Header.Get("X-Forwarded-For") != "203.0.113.9":
			w.WriteHeader(418)
		case cookie == nil:
			http.Redirect(w, r, "/wp-login.php", http.StatusFound)
		case cookie.Value == "page":
			fmt.Fprint(w, "<html>")
		case cookie.Value == "nobody":
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
	})
	required := access.New(access.Options{Site: asked})
	optional := access.New(access.Options{Site: asked, Anonymous: true})
	for cookie, want := range map[string][2]string{
		"":            {"401", "public"},
		"user=ann":    {"ann", "ann"},
		"user=page":   {"<nil>", "<nil>"},
		"user=nobody": {"403", "public"},
		"other=x":     {"401", "public"},
		"user=broken": {"503", "503"},
		"user=long":   {"503", "503"},
		"user=past":   {"401", "public"},
	} {
		r := request("/", "Origin: https://site.test")
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		if got := [2]string{who(required, r), who(optional, r)}; got != want {
			t.Errorf("%s: %v, want %v", cookie, got, want)
		}
	}
	if strings.Contains(log.String(), "user=") {
		t.Errorf("the log holds cookies: %s", log)
	}
	identity, err := required.Identify(request("/", "Origin: https://site.test", "Cookie: user=bob"), "203.0.113.9")
	if left := time.Until(identity.Expires); err != nil || left > time.Minute || left < 50*time.Second {
		t.Errorf("who is vouched for until %v is so for %v (%v)", "a minute on", left, err)
	}
}

func TestTheSiteIsAskedOnceByManyAndAgainAfterAFailure(t *testing.T) {
	var questions atomic.Int32
	var fails atomic.Bool
	asked, _ := site(t, func(w http.ResponseWriter, r *http.Request) {
		questions.Add(1)
		if fails.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	gate := access.New(access.Options{Site: asked})
	fails.Store(true)
	for range 2 {
		if got := who(gate, request("/", "Cookie: a=b")); got != "503" {
			t.Errorf("got %s", got)
		}
	}
	if n := questions.Swap(0); n != 2 {
		t.Errorf("%d questions after failures, want 2", n)
	}
	fails.Store(false)
	var clients sync.WaitGroup
	for range 50 {
		clients.Go(func() {
			if got := who(gate, request("/", "Cookie: a=b")); got != "<nil>" {
				t.Errorf("got %s", got)
			}
		})
	}
	clients.Wait()
	if n := questions.Load(); n != 1 {
		t.Errorf("%d questions for 50 clients of one cookie, want 1", n)
	}
	if got := who(gate, request("/", "Cookie: a=c")); got != "<nil>" || questions.Load() != 2 {
		t.Errorf("another cookie: %s, %d questions", got, questions.Load())
	}
}

func TestASiteThatCannotBeReachedAdmitsNobody(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	at, _ := url.Parse(server.URL)
	server.Close()
	for _, anonymous := range []bool{false, true} {
		gate := access.New(access.Options{Site: access.NewSite(at, slog.New(slog.DiscardHandler)), Anonymous: anonymous})
		if got := who(gate, request("/", "Cookie: a=b")); got != "503" {
			t.Errorf("got %s", got)
		}
	}
}
