//go:build linux

package integration_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"wpre-relay/relay/sharedlog/enginetest"
)

// TestCheckNamesProcessOnPort occupies one port with the test process, and the other with a relay.
func TestCheckNamesProcessOnPort(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken, r := listener.Addr().String(), newSite(t).start()
	text, status := run(t, command(t, "check", "--site", "http://127.0.0.1:1", "--listen", taken,
		"--admin-listen", r.address))
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	golden(t, "ports", text, taken, "127.0.0.1:NNNNN", r.address, "127.0.0.1:MMMMM")
}

// TestCheckFailsIfNoRelayRuns also pastes the command that check shows, which must start a relay that check accepts.
func TestCheckFailsIfNoRelayRuns(t *testing.T) {
	t.Parallel()
	root, address := newWordPress(t), enginetest.FreePort(t)
	args := []string{"check", "--watch", root, "--listen", address, "--admin-listen", "off"}
	text, status := run(t, command(t, args...))
	_, finding, _ := strings.Cut(text, "FAIL  relay: ")
	finding, _, _ = strings.Cut(finding, "\nSKIP")
	if status != 1 {
		t.Errorf("exit status %d:\n%s", status, text)
	}
	golden(t, "no-relay", finding, root, wordpressDir, address, "127.0.0.1:NNNNN")
	_, start, _ := strings.Cut(finding, "          wpre-relay ")
	start, _, _ = strings.Cut(start, "\n")
	r := spawn(t, command(t, append(strings.Fields(start), "--state-dir", t.TempDir(), "--log-format", "json",
		"--admin-listen", "off")...))
	r.logged("listening", "url")
	if text, _ := run(t, command(t, args...)); !strings.Contains(text, "OK    port: the relay listens on "+address) {
		t.Errorf("with the relay:\n%s", text)
	}
}

// TestCheckRecognizesRelayByItsResponses has a relay whose process has another name, as behind Docker's proxy or a
// systemd socket, and a server that responds with 200 to every path.
func TestCheckRecognizesRelayByItsResponses(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	forwarder := httptest.NewServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: r.address}))
	defer forwarder.Close()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer other.Close()
	address := func(server *httptest.Server) string { return server.Listener.Addr().String() }
	text, status := run(t, command(t, "check", "--site", "http://127.0.0.1:1", "--listen", address(forwarder),
		"--admin-listen", address(other)))
	for _, want := range []string{
		"OK    port: the relay listens on " + address(forwarder),
		"FAIL  port: " + address(other) + " is in use by ",
	} {
		if status != 1 || !strings.Contains(text, want) {
			t.Errorf("exit status %d, no %q:\n%s", status, want, text)
		}
	}
}

// TestCheckReportsUnusedAdminListen has a relay whose --admin-listen differs from the one that is checked.
func TestCheckReportsUnusedAdminListen(t *testing.T) {
	t.Parallel()
	r, free := newSite(t).start(), enginetest.FreePort(t)
	text, _ := run(t, command(t, "check", "--site", "http://127.0.0.1:1", "--listen", r.address, "--admin-listen", free))
	if want := "WARN  port: a relay runs, but nothing listens on " + free; !strings.Contains(text, want) {
		t.Errorf("no %q:\n%s", want, text)
	}
}

// TestCheckFindsRelayElsewhere has no relay at --listen, but one at --url.
func TestCheckFindsRelayElsewhere(t *testing.T) {
	t.Parallel()
	r := newSite(t).start()
	text, status := run(t, command(t, "check", "--url", "ws://"+r.address, "--idle", "0", "--listen",
		enginetest.FreePort(t), "--admin-listen", "off"))
	if status != 0 || !strings.Contains(text, "SKIP  relay: ") || !strings.Contains(text, "OK    connection: ") {
		t.Errorf("exit status %d:\n%s", status, text)
	}
}
