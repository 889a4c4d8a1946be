package listener_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/listener"
)

// describe upgrades a request, or rejects it with 403 on the path /reject. It sends a description of the request, and
// after an upgrade also the next bytes of the client.
var describe = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	about := fmt.Sprintf("%s %s host=%s remote=%s header=%v\n", r.Method, r.RequestURI, r.Host, r.RemoteAddr, r.Header)
	switch {
	case r.URL.Path == "/panic":
		panic("a test")
	case r.URL.Path == "/reject", r.Header.Get("Upgrade") == "":
		w.Header().Set("Retry-After", "5")
		http.Error(w, about, http.StatusForbidden)
		return
	}
	w.Header().Set("Upgrade", "websocket")
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	go func() {
		defer conn.Close()
		early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
		next := make([]byte, 4-len(early))
		io.ReadFull(conn, next)
		io.WriteString(conn, about+string(early)+string(next))
	}()
})

// upgradeCases are the bytes of a client, with | where it waits. They differ in what net/http accepts.
var upgradeCases = map[string]string{
	"upgrade":              upgradeRequest + "|ping",
	"early bytes":          upgradeRequest + "ping",
	"in parts":             strings.Replace(upgradeRequest, "Upgrade", "Up|grade", 1) + "|ping",
	"in parts at the end":  strings.TrimSuffix(upgradeRequest, "\n") + "|\nping",
	"with headers":         with("Cookie: a=b; c=d\r\nOrigin: https://site.test\r\ncookie: e") + "ping",
	"with a long cookie":   with("Cookie: "+strings.Repeat("a=b;", 2000)) + "ping",
	"too many fields":      with(strings.TrimSuffix(strings.Repeat("A: b\r\n", 200), "\r\n")) + "ping",
	"two hosts":            with("Host: other.test") + "ping",
	"no host":              strings.Replace(upgradeRequest, "Host: relay.test\r\n", "", 1) + "ping",
	"odd host":             strings.Replace(upgradeRequest, "relay.test", "relay test", 1) + "ping",
	"absolute without":     "GET http://relay.test/ HTTP/1.1\r\nUpgrade: websocket\r\n\r\nping",
	"control character":    with("A: \x01") + "ping",
	"folded field":         with("A: b\r\n c") + "ping",
	"space in a name":      with("A b: c") + "ping",
	"bare line ends":       strings.ReplaceAll(upgradeRequest, "\r\n", "\n") + "ping",
	"version 1.0":          strings.Replace(upgradeRequest, "1.1", "1.0", 1) + "ping",
	"another method":       strings.Replace(upgradeRequest, "GET", "PUT", 1) + "ping",
	"length":               with("Content-Length: 4") + "ping",
	"rejected twice":       to("/reject") + "|" + to("/reject"),
	"rejected, pipelined":  to("/reject") + to("/reject"),
	"rejected, then other": to("/reject") + "|GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n",
	"rejected, then close": strings.Replace(to("/reject"), "Connection: ", "Connection: close, ", 1),
	"handler panics":       to("/panic"),
	"no upgrade":           "GET /x?y HTTP/1.1\r\nHost: relay.test\r\n\r\n",
	"nonsense":             "nonsense\r\n\r\n",
}

// with returns the handshake with more header lines.
func with(lines string) string {
	return strings.TrimSuffix(upgradeRequest, "\r\n") + lines + "\r\n\r\n"
}

// to returns the handshake for another path.
func to(path string) string { return strings.Replace(upgradeRequest, "GET /", "GET "+path, 1) }

var dates = regexp.MustCompile(`Date: [^\r]*\r\n`)

// received returns everything that a client receives that sends the bytes of a case, the first part of them with the
// connection or later.
func received(t *testing.T, fake *fakeListener, sent string, withConn bool) string {
	parts, first := strings.Split(sent, "|"), ""
	if withConn {
		first, parts = parts[0], parts[1:]
	}
	conn, err := fake.dialWith(first)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		for _, part := range parts {
			time.Sleep(time.Second)
			io.WriteString(conn, part)
		}
	}()
	conn.SetReadDeadline(time.Now().Add(9 * time.Second))
	got, _ := io.ReadAll(conn)
	return dates.ReplaceAllString(string(got), "")
}

// sorted returns the header lines of responses in one order, since net/http has another one.
func sorted(responses string) (all []string) {
	reader := bufio.NewReader(strings.NewReader(responses))
	for {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return all
		}
		body := io.Reader(response.Body)
		if response.StatusCode == http.StatusSwitchingProtocols {
			body = reader
		}
		text, _ := io.ReadAll(body)
		all = append(all, fmt.Sprint(response.Status, response.Header, string(text)))
	}
}

// TestUpgradesAreServedLikeByNetHTTP compares the responses with the responses of net/http, which serves all
// requests if handshakes may wait. The requests arrive with the connection or later.
func TestUpgradesAreServedLikeByNetHTTP(t *testing.T) {
	for name, sent := range upgradeCases {
		responses := func(wait, withConn bool) (got []string) {
			synctest.Test(t, func(t *testing.T) {
				fake, stop := serving(t, describe, listener.Options{HandshakesWait: wait})
				got = sorted(received(t, fake, sent, withConn))
				stop()
			})
			return got
		}
		want := responses(true, false)
		for _, withConn := range []bool{false, true} {
			if got := responses(false, withConn); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, with the connection %v: got\n%q, want\n%q", name, withConn, got, want)
			}
		}
	}
}

// TestUpgradedConnectionIsWrittenBeforeTheHandlerReturns is a test for the race detector.
func TestUpgradedConnectionIsWrittenBeforeTheHandlerReturns(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer conn.Close()
			io.WriteString(conn, "written")
		}()
		time.Sleep(time.Second) // the goroutine writes before the bubble's clock moves
	})
	synctest.Test(t, func(t *testing.T) {
		fake, stop := serving(t, handler, listener.Options{})
		if got := received(t, fake, upgradeRequest, true); !strings.HasSuffix(got, "written") {
			t.Errorf("got %q", got)
		}
		stop()
	})
}

func TestStopClosesSilentConnectionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, stop := serving(t, hello, listener.Options{})
		silent := dial(t, fake)
		synctest.Wait()
		begin := time.Now()
		stop()
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("the stop took %v", waited)
		}
		if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("the connection is still open: %v", err)
		}
	})
}
