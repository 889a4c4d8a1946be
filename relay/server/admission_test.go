package server_test

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/security/clientaddr"
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

// TestConnectionsBeyondTwiceTheRateAreDropped makes connections from three addresses, of which one is a proxy's, in
// virtual time.
func TestConnectionsBeyondTwiceTheRateAreDropped(t *testing.T) {
	log := openLog(t, eventlog.Options{})
	synctest.Test(t, func(t *testing.T) {
		proxy := clientaddr.Network{Prefix: netip.MustParsePrefix("10.0.0.0/8")}
		options := server.Options{Logger: quiet, HandshakeRate: 2}
		options.Proxies.Trusted = []clientaddr.Network{proxy}
		srv := server.New(log.Reader, 0, options)
		var handler server.StartupHandler
		dropped := func(address string, connections int) (n int) {
			for range connections {
				if handler.DropsConnection(netip.MustParseAddr(address)) {
					n++
				}
			}
			return n
		}
		if n := dropped("192.0.2.1", 100); n != 0 {
			t.Errorf("%d connections were dropped before the server was set", n)
		}
		handler.SetServer(srv)
		for address, want := range map[string]int{"192.0.2.1": 60, "192.0.2.2": 60, "10.0.0.1": 0} {
			if n := dropped(address, 100); n != want {
				t.Errorf("%s: %d of 100 connections were dropped, want %d", address, n, want)
			}
		}
		if response := serveHTTPFrom(srv, "/history", "192.0.2.1:1"); response.Code != http.StatusOK {
			t.Errorf("connections counted as requests: got %d", response.Code)
		}
		time.Sleep(3 * time.Second)
		if n := dropped("192.0.2.1", 100); n != 88 {
			t.Errorf("%d of 100 connections were dropped after 3 seconds, want 88", n)
		}
		if n := srv.Status().Dropped; n != 60+60+88 {
			t.Errorf("the status has %d dropped connections, want %d", n, 60+60+88)
		}
	})
}
