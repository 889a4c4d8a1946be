//go:build linux

package integration_test

import (
	"io"
	"net"
	"strings"
	"testing"
)

// proxyProtocol are the flags with which a relay requires the PROXY protocol from this machine.
var proxyProtocol = []string{"--proxy-protocol", "--trusted-proxy", "127.0.0.0/8"}

// proxyHeaders are the headers of HAProxy: version 1, and version 2 for a check of the proxy itself.
var proxyHeaders = map[string]string{
	"version 1": "PROXY TCP4 192.0.2.1 127.0.0.1 4711 8080\r\n",
	"version 2": "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00",
}

// startTCPProxy starts a proxy for TCP that sends a header before the bytes of each connection.
func startTCPProxy(t *testing.T, address, header string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			down, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer down.Close()
				up, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				defer up.Close()
				io.WriteString(up, header)
				go io.Copy(up, down)
				io.Copy(down, up)
			}()
		}
	}()
	return listener.Addr().String()
}

// TestCheckComparesProxyProtocol calls check and healthcheck beside a relay, with its settings and with others.
func TestCheckComparesProxyProtocol(t *testing.T) {
	t.Parallel()
	with, without := newSite(t).start(proxyProtocol...), newSite(t).start()
	for _, tc := range []struct {
		relay *relay
		flags []string
		want  string
	}{
		{with, proxyProtocol, "OK port: the relay listens on "},
		{without, nil, "OK port: the relay listens on "},
		{without, []string{"--proxy-protocol", "--trusted-proxy", "192.0.2.1"}, "OK port: the relay listens on "},
		{with, nil, "WARN port: the relay on ADDRESS (--listen) requires the PROXY protocol from this machine"},
		{without, proxyProtocol, "WARN port: the relay on ADDRESS (--listen) requires no PROXY protocol"},
	} {
		args := append([]string{"--listen", tc.relay.address}, tc.flags...)
		text, _ := run(t, command(t, append([]string{"check", "--site", "http://127.0.0.1:1", "--admin-listen", "off"},
			args...)...))
		text = strings.Join(strings.Fields(text), " ")
		if want := strings.ReplaceAll(tc.want, "ADDRESS", tc.relay.address); !strings.Contains(text, want) {
			t.Errorf("%q: no %q in\n%s", tc.flags, want, text)
		}
		same := strings.HasPrefix(tc.want, "OK")
		if text, status := run(t, command(t, append([]string{"healthcheck"}, args...)...)); (status == 0) != same {
			t.Errorf("healthcheck %q: exit status %d\n%s", args, status, text)
		}
	}
}

// TestCheckExplainsProxyProtocol connects through proxies that send no header to a relay that requires one, and one to
// a relay that does not expect it.
func TestCheckExplainsProxyProtocol(t *testing.T) {
	t.Parallel()
	with, without := newSite(t).start(proxyProtocol...), newSite(t).start()
	for address, text := range map[string]string{
		startTCPProxy(t, with.address, proxyHeaders["version 1"]):    "OK connection: ",
		startTCPProxy(t, with.address, proxyHeaders["version 2"]):    "OK connection: ",
		startTCPProxy(t, with.address, ""):                           "both must agree on the PROXY protocol",
		startTCPProxy(t, without.address, proxyHeaders["version 1"]): "--proxy-protocol --trusted-proxy ADDRESS",
		startTCPProxy(t, without.address, proxyHeaders["version 2"]): "--proxy-protocol --trusted-proxy ADDRESS",
	} {
		if got := checkURL(t, "ws://"+address+"/"); !strings.Contains(got, text) {
			t.Errorf("no %q in\n%s", text, got)
		}
	}
}

// TestRelayReportsProxyProtocolMismatches sends a header, or none, to relays with and without TLS that expect the
// opposite.
func TestRelayReportsProxyProtocolMismatches(t *testing.T) {
	t.Parallel()
	certificate, key := writeCertificate(t, t.TempDir(), 1, "localhost")
	for _, tls := range [][]string{nil, {"--tls-cert", certificate, "--tls-key", key}} {
		with, without := newSite(t).start(append(tls, proxyProtocol...)...), newSite(t).start(tls...)
		with.send(handshake)
		if remote := with.logged("PROXY protocol header missing, rejecting the connection", "remote"); remote == "" {
			t.Error("the log does not name the proxy")
		}
		with.waitForBody("/metrics", `wpre_relay_proxy_protocol_rejected_total{header="missing"} 1`)
		for name, header := range proxyHeaders {
			without.send(header + handshake)
			if fix := without.logged("unexpected PROXY protocol header, rejecting the connection", "fix"); fix == "" {
				t.Errorf("%s: the log names no fix", name)
			}
		}
		without.waitForBody("/metrics", `wpre_relay_proxy_protocol_rejected_total{header="unexpected"} 2`)
	}
}
