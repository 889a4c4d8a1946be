package server_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/server"
)

// newFuzzServer returns a server of events, every other one a draft, which the public does not see.
func newFuzzServer(f *testing.F) *server.Server {
	f.Helper()
	log := openLog(f, eventlog.Options{})
	for range 20 {
		log.Append(event(f, `{"timestamp":1,"type":"a","status":"publish"}`))
		log.Append(event(f, `{"timestamp":1,"type":"b","status":"draft"}`))
	}
	public, err := filter.PublicStatus([]string{"publish"})
	if err != nil {
		f.Fatal(err)
	}
	var network clientaddr.Network
	if err := network.UnmarshalText([]byte("192.0.2.1")); err != nil { // the address of the requests
		f.Fatal(err)
	}
	return server.New(log.Reader, 0, server.Options{
		Filter:        public,
		Proxies:       clientaddr.Policy{Trusted: []clientaddr.Network{network}},
		HandshakeRate: 1 << 20,
		ResumeFile:    f.TempDir() + "/resume.json",
		Logger:        quiet,
	})
}

// FuzzHandshake looks for requests that make the server panic, return 500 or leak a draft.
func FuzzHandshake(f *testing.F) {
	const (
		upgrade = " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
		plain = " HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nLast-Event-ID: 1-1\r\n" +
			"Forwarded: for=\"[::1]\"\r\nCookie: wpre_resume=a\r\n\r\n"
	)
	for _, target := range []string{
		"/", "/?since=now", "/?last=3&types=a,b", "/events?last_event_id=abc-1", "/history?limit=5&since=abc-1",
		"/client.js", "/livez",
	} {
		f.Add("GET " + target + upgrade)
		f.Add("GET " + target + plain)
	}
	srv := newFuzzServer(f)
	f.Fuzz(func(t *testing.T, text string) {
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		request.RemoteAddr = "192.0.2.1:1"
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, request)
		if w.Code == http.StatusInternalServerError || strings.Contains(w.Body.String(), `"draft"`) {
			t.Errorf("%q: %d, %s", text, w.Code, w.Body)
		}
		if clients := srv.Status().Clients; clients != 0 {
			t.Errorf("%q: %d clients, but the connection cannot be hijacked", text, clients)
		}
	})
}
