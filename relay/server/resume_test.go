package server_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

// connect opens a WebSocket with the Cookie header and other headers, given as pairs. It returns the connection and
// the new cookie, if the server sets one.
func connect(t testing.TB, address, cookie string, header ...string) (*websocket.Conn, *http.Cookie) {
	t.Helper()
	h := http.Header{"Cookie": {cookie}}
	for pair := range slices.Chunk(header, 2) {
		h.Set(pair[0], pair[1])
	}
	conn, response, err := dial(t, "ws://"+address, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range response.Cookies() {
		return conn, cookie
	}
	return conn, nil
}

// withSessions returns options with session cookies.
func withSessions(t testing.TB) server.Options {
	return server.Options{ResumeFile: filepath.Join(t.TempDir(), "resume.json")}
}

func TestSessionCookieAttributes(t *testing.T) {
	for name, tc := range map[string]struct {
		header []string
		secure bool
	}{
		"http":             {nil, false},
		"behind TLS proxy": {[]string{"X-Forwarded-Proto", "https"}, true},
	} {
		_, address := serve(t, openLog(t, eventlog.Options{}), 0, withSessions(t))
		_, cookie := connect(t, address, "", tc.header...)
		switch {
		case cookie == nil:
			t.Fatalf("%s: no cookie", name)
		case !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/":
			t.Errorf("%s: %v", name, cookie)
		case cookie.Secure != tc.secure || cookie.MaxAge != 0 || !cookie.Expires.IsZero():
			t.Errorf("%s: %v", name, cookie)
		}
		if _, again := connect(t, address, cookie.Name+"="+cookie.Value); again != nil {
			t.Errorf("%s: a browser with a cookie gets another one", name)
		}
	}
	_, address := serve(t, openLog(t, eventlog.Options{}), 0, server.Options{})
	if _, cookie := connect(t, address, ""); cookie != nil {
		t.Errorf("without ResumeFile: cookie %v", cookie)
	}
}

// lose ends a connection that has got all messages so far, without a close frame. It makes sure that the server knows
// that they arrived: a client that pings answers the server's earlier pings first.
func lose(t testing.TB, conn *websocket.Conn) {
	t.Helper()
	conn.CloseRead(t.Context())
	if err := conn.Ping(testwait.Context(t)); err != nil {
		t.Fatal(err)
	}
	conn.CloseNow()
}

// TestEachTabOfABrowserResumesOnce loses the connection of one of two tabs, and closes a third tab.
func TestEachTabOfABrowserResumesOnce(t *testing.T) {
	log := openLog(t, eventlog.Options{})
	srv, address := serve(t, log, 0, withSessions(t))
	first, cookie := connect(t, address, "")
	jar := cookie.Name + "=" + cookie.Value
	second, _ := connect(t, address, jar)
	closed, _ := connect(t, address, jar)
	log.Append(event(t, document(1)))
	for _, conn := range []*websocket.Conn{first, second, closed} {
		expect(t, conn, document(1))
	}
	closed.Close(websocket.StatusGoingAway, "") // as browsers do when the page is closed
	waitForClients(t, srv, 2)
	lose(t, second)
	waitForClients(t, srv, 1)
	log.Append(event(t, document(2)))
	expect(t, first, document(2))
	resumed, _ := connect(t, address, jar)
	expect(t, resumed, document(2))
	newTab, _ := connect(t, address, jar) // there is no other lost connection
	log.Append(event(t, document(3)))
	for _, conn := range []*websocket.Conn{first, resumed, newTab} {
		expect(t, conn, document(3))
	}
}

// failHandshake sends a handshake that fails: version 12 of the protocol does not exist.
func failHandshake(t testing.TB, address, cookie string) {
	t.Helper()
	response, body := request(t, "GET", "http://"+address, "", "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "12", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Cookie", cookie)
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("handshake with version 12: %s, %s", response.Status, body)
	}
	if set := response.Header.Get("Set-Cookie"); set != "" {
		t.Errorf("handshake with version 12: got the cookie %s", set)
	}
}

// TestFailedHandshakeDoesNotChangeTheSession fails handshakes before the first connection and after a lost one.
func TestFailedHandshakeDoesNotChangeTheSession(t *testing.T) {
	log := logWith(t, 10, eventlog.Options{})
	srv, address := serve(t, log, 8, func() server.Options {
		opts := withSessions(t)
		opts.CatchUp = time.Hour
		return opts
	}())
	failHandshake(t, address, "")
	failHandshake(t, address, "")
	conn, cookie := connect(t, address, "")
	jar := cookie.Name + "=" + cookie.Value
	log.Append(event(t, document(11)))
	expect(t, conn, document(9), document(10), document(11)) // 9 and 10 are the catch-up events
	lose(t, conn)
	waitForClients(t, srv, 0)
	log.Append(event(t, document(12)), event(t, document(13)))
	failHandshake(t, address, jar)
	failHandshake(t, address, jar)
	resumed, _ := connect(t, address, jar)
	log.Append(event(t, document(14)))
	expect(t, resumed, document(12), document(13), document(14))
	status := srv.Status()
	if status.Rejected["handshake"] != 4 || len(status.Closed) != 1 || status.Closed["1006"] != 1 {
		t.Errorf("rejected %v, closed %v; want 4 failed handshakes and one close", status.Rejected, status.Closed)
	}
	if status.Clients != 1 {
		t.Errorf("%d clients, want 1", status.Clients)
	}
}

// TestClientAheadOfAMirrorIsRejected detects the lost broker as late as possible with any engine. If the relay gave
// up earlier, it would treat the client's position as invalid, and send an event again later.
func TestClientAheadOfAMirrorIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlog.NewMirror(schema.Position{Epoch: "one", Seq: 1}, eventlog.Options{})
		begin := time.Now()
		const slowest = 6500 * time.Millisecond // RabbitMQ: one and a half heartbeats, and half a second to disconnect
		srv := server.New(log.Reader, 0, server.Options{
			Logger:            quiet,
			BrokerUnreachable: func() bool { return time.Since(begin) >= slowest },
		})
		response := serveHTTP(srv, "/history?since=oneaaaaaaaa-2")
		if took := time.Since(begin); response.Code != http.StatusServiceUnavailable || took > 10*time.Second {
			t.Errorf("got %d after %v: %s", response.Code, took, response.Body)
		}
	})
}
