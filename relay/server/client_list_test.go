package server_test

import (
	"net/http"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/server"
	"wpre-relay/relay/testwait"
)

// TestClientListShowsNoSubscriber connects a client from each address through a trusted proxy.
func TestClientListShowsNoSubscriber(t *testing.T) {
	var proxy clientaddr.Network
	if err := proxy.UnmarshalText([]byte("127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	for address, network := range map[string]string{
		"198.51.100.77":               "198.51.100.0/24",
		"2001:db8:1:2:3:4:5:6":        "2001:db8:1::/48",
		"10.1.2.3":                    "10.1.2.3",
		"fd00:1:2:3:4::5":             "fd00:1:2:3::/64",
		"::1":                         "::/64",
		"127.0.0.1":                   "127.0.0.1",
		"::ffff:203.0.113.9":          "203.0.113.0/24",
		"not an address":              "127.0.0.1", // the proxy
		"198.51.100.1, 198.51.100.77": "198.51.100.0/24",
	} {
		srv, host := serve(t, openLog(t, eventlog.Options{}), 0, server.Options{
			Proxies: clientaddr.Policy{Trusted: []clientaddr.Network{proxy}},
		})
		header := http.Header{"X-Forwarded-For": {address}, "Origin": {"http://" + host}}
		if _, _, err := dial(t, "ws://"+host, header); err != nil {
			t.Fatal(err)
		}
		var list []server.Client
		listed := testwait.Until(func() bool {
			list = srv.ClientList(t.Context(), 10)
			return len(list) == 1
		})
		if !listed || list[0].Network != network || list[0].Site != host || list[0].Transport != "websocket" {
			t.Errorf("%s: got %+v, want network %s and site %s", address, list, network, host)
		}
	}
}

// TestClientListShowsTheHostOfThePage connects an event stream without and with an Origin header.
func TestClientListShowsTheHostOfThePage(t *testing.T) {
	for _, sendsOrigin := range []bool{false, true} {
		srv, host := serve(t, openLog(t, eventlog.Options{}), 0, server.Options{})
		r, err := http.NewRequestWithContext(testwait.Context(t), "GET", "http://"+host+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		if sendsOrigin {
			r.Header.Set("Origin", "http://"+host)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var list []server.Client
		listed := testwait.Until(func() bool {
			list = srv.ClientList(t.Context(), 10)
			return len(list) == 1
		})
		if !listed || list[0].Site != host || list[0].Transport != "sse" || list[0].Lag != 0 {
			t.Errorf("origin sent: %t: got %+v, want site %q", sendsOrigin, list, host)
		}
	}
}
