package access_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/security/access"
)

// pipeListener accepts connections in memory, so that synctest controls the time of both ends.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.close(); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	server, client := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	}
}

// virtualSite returns a Site whose handler runs in virtual time. The caller is in a synctest bubble.
func virtualSite(t *testing.T, handler http.HandlerFunc) *access.Site {
	t.Helper()
	closed := make(chan struct{})
	listener := &pipeListener{make(chan net.Conn), closed, sync.OnceFunc(func() { close(closed) })}
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	previous := http.DefaultTransport
	http.DefaultTransport = &http.Transport{DialContext: listener.dial}
	t.Cleanup(func() {
		http.DefaultTransport = previous
		server.Close()
	})
	authURL, err := url.Parse("http://site.test/who")
	if err != nil {
		t.Fatal(err)
	}
	return access.NewSite(authURL, slog.New(slog.DiscardHandler))
}

// TestSlowAnswersDoNotDelayOtherNetworks has one network ask as much as it can, of a site that does not answer it.
func TestSlowAnswersDoNotDelayOtherNetworks(t *testing.T) {
	for name, slow := range map[string]string{
		"IPv4 address": "203.0.113.9",
		"IPv6 /64":     "2001:db8::X",
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testSlowAnswers(t, slow) }) })
	}
}

func testSlowAnswers(t *testing.T, slow string) {
	const others = "198.51.100.7"
	site := virtualSite(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-For") != others {
			<-r.Context().Done()
		}
	})
	auth := access.New(access.Options{Site: site})
	var clients sync.WaitGroup
	for i := range 64 {
		address := strings.ReplaceAll(slow, "X", fmt.Sprintf("%x", i))
		clients.Go(func() {
			if _, err := auth.Authenticate(request("/", fmt.Sprintf("Cookie: a=%d", i)), address); err == nil {
				t.Errorf("client %d is admitted without an answer", i)
			}
		})
	}
	synctest.Wait()
	start := time.Now()
	if _, err := auth.Authenticate(request("/", "Cookie: login=1"), others); err != nil || time.Since(start) > 0 {
		t.Errorf("another network waits for %v: %v", time.Since(start), err)
	}
	clients.Wait()
	start = time.Now()
	if _, err := auth.Authenticate(request("/", "Cookie: login=2"), others); err != nil || time.Since(start) > 0 {
		t.Errorf("after the slow answers, another network waits for %v: %v", time.Since(start), err)
	}
}

func TestExpiredAnswerIsNotReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		site := virtualSite(t, func(w http.ResponseWriter, _ *http.Request) {
			requests++
			fmt.Fprintf(w, `{"exp":"%d"}`, time.Now().Add(2*time.Second).Unix())
		})
		auth := access.New(access.Options{Site: site})
		for range 2 {
			for range 2 {
				identity, err := auth.Authenticate(request("/", "Cookie: a=b"), "203.0.113.9")
				if left := time.Until(identity.Expires); err != nil || left != 2*time.Second {
					t.Errorf("identity is valid for %v, want 2 seconds (%v)", left, err)
				}
			}
			time.Sleep(3 * time.Second)
		}
		if requests != 2 {
			t.Errorf("%d requests, want one for each admission", requests)
		}
	})
}
