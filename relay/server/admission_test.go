package server_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

func TestLimitsOfClients(t *testing.T) {
	for name, tc := range map[string]struct {
		opts   server.Options
		status int
	}{
		"max_clients":        {server.Options{MaxClients: 2}, http.StatusServiceUnavailable},
		"max_clients_per_ip": {server.Options{MaxClientsPerIP: 2}, http.StatusTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			srv, address := serve(t, openLog(t, eventlog.Options{}), 0, tc.opts)
			first, _, err1 := dial(t, "ws://"+address, nil)
			_, _, err2 := dial(t, "ws://"+address, nil)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			_, response, err := dial(t, "ws://"+address, nil)
			if err == nil || response == nil || response.StatusCode != tc.status {
				t.Fatalf("third client: %v, want %d", err, tc.status)
			}
			if response.Header.Get("Retry-After") != "5" {
				t.Errorf("third client: %v, want Retry-After", response.Header)
			}
			if got := srv.Status().Rejected[name]; got != 1 {
				t.Errorf("%d rejections, want 1", got)
			}
			first.Close(websocket.StatusNormalClosure, "")
			waitForClients(t, srv, 1)
			if _, _, err := dial(t, "ws://"+address, nil); err != nil {
				t.Errorf("after the first client has left: %v", err)
			}
		})
	}
}

// TestHandshakeRateAllowsBursts sends requests from two addresses in virtual time.
func TestHandshakeRateAllowsBursts(t *testing.T) {
	log := openLog(t, eventlog.Options{})
	synctest.Test(t, func(t *testing.T) {
		srv := server.New(log.Reader, 0, server.Options{Logger: quiet, HandshakeRate: 2})
		accepted := func(address string, requests int) (n int) {
			for range requests {
				if response := serveHTTPFrom(srv, "/history", address); response.Code == http.StatusOK {
					n++
				} else if response.Code != http.StatusTooManyRequests || response.Header().Get("Retry-After") != "10" {
					t.Errorf("got %d, %v", response.Code, response.Header())
				}
			}
			return n
		}
		if n := accepted("192.0.2.1:1", 30); n != 20 {
			t.Errorf("a burst of %d requests was accepted, want 20", n)
		}
		if n := accepted("192.0.2.2:1", 30); n != 20 {
			t.Errorf("another address: a burst of %d requests was accepted, want 20", n)
		}
		if response := serveHTTPFrom(srv, "/livez", "192.0.2.1:1"); response.Code != http.StatusOK {
			t.Errorf("/livez: %d", response.Code)
		}
		time.Sleep(3 * time.Second)
		if n := accepted("192.0.2.1:2", 30); n != 6 {
			t.Errorf("%d requests were accepted after 3 seconds, want 6", n)
		}
	})
}
