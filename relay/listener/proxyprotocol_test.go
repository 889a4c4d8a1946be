package listener_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"wpre-relay/relay/listener"
	"wpre-relay/relay/security/clientaddr"
)

// acceptFrom accepts a connection from 127.0.0.1 that sends text, and returns the address that it has for a listener
// that requires headers from proxies, or the error of the first read.
func acceptFrom(t *testing.T, proxies clientaddr.Policy, text string) (remote string, err error) {
	t.Helper()
	return acceptWith(t, listener.NewProxyProtocol(true, proxies, slog.New(slog.DiscardHandler)), text)
}

// acceptWith accepts a connection from 127.0.0.1 that sends text and ends, and returns its address, or the error of the
// first read.
func acceptWith(t *testing.T, protocol *listener.ProxyProtocol, text string) (remote string, err error) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outer := protocol.Wrap(inner)
	defer outer.Close()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := io.WriteString(client, text); err != nil {
		t.Fatal(err)
	}
	client.(*net.TCPConn).CloseWrite()
	conn, err := outer.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 16)); err != nil {
		return "", err
	}
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	return host, err
}

func TestProxyProtocolIsForTrustedProxiesOnly(t *testing.T) {
	var loopback clientaddr.Network
	if err := loopback.UnmarshalText([]byte("127.0.0.0/8")); err != nil {
		t.Fatal(err)
	}
	trusted := clientaddr.Policy{Trusted: []clientaddr.Network{loopback}}
	const header, request = "PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n", "GET / HTTP/1.1\r\n"
	if got, err := acceptFrom(t, trusted, header+request); err != nil || got != "203.0.113.9" {
		t.Errorf("trusted proxy: the address is %s, %v", got, err)
	}
	if got, err := acceptFrom(t, trusted, request); err == nil {
		t.Errorf("trusted proxy without a header: accepted as %s", got)
	}
	if got, err := acceptFrom(t, clientaddr.Policy{}, header+request); err != nil || got != "127.0.0.1" {
		t.Errorf("other client with a header: the address is %s, %v", got, err)
	}
}

// firstBytes are the first bytes of a connection, and whether they are a header of the PROXY protocol.
var firstBytes = []struct {
	name, text string
	isHeader   bool
}{
	{"version 1", "PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\nGET / HTTP/1.1\r\n", true},
	{"version 1, unknown", "PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n", true},
	{"version 2", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00GET / HTTP/1.1\r\n", true},
	{"HTTP", "GET / HTTP/1.1\r\n", false},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", false},
	{"other method", "PROXYS / HTTP/1.1\r\n", false},
}

func TestProxyProtocolReportsMismatches(t *testing.T) {
	var loopback clientaddr.Network
	if err := loopback.UnmarshalText([]byte("127.0.0.0/8")); err != nil {
		t.Fatal(err)
	}
	trusted := clientaddr.Policy{Trusted: []clientaddr.Network{loopback}}
	for _, required := range []bool{false, true} {
		for _, tc := range firstBytes {
			var log bytes.Buffer
			protocol := listener.NewProxyProtocol(required, trusted, slog.New(slog.NewTextHandler(&log, nil)))
			acceptWith(t, protocol, tc.text)
			missing, unexpected := protocol.Counts()
			if wanted := required && !tc.isHeader; (missing == 1) != wanted || missing > 1 {
				t.Errorf("required %v, %s: %d missing", required, tc.name, missing)
			}
			if wanted := !required && tc.isHeader; (unexpected == 1) != wanted || unexpected > 1 {
				t.Errorf("required %v, %s: %d unexpected", required, tc.name, unexpected)
			}
			if logged := strings.Contains(log.String(), "--proxy-protocol"); logged != (required != tc.isHeader) {
				t.Errorf("required %v, %s: logged %q", required, tc.name, log.String())
			}
		}
	}
}

// TestProxyProtocolIgnoresSilentConnections has a load balancer that only checks whether the port is open.
func TestProxyProtocolIgnoresSilentConnections(t *testing.T) {
	for _, required := range []bool{false, true} {
		protocol := listener.NewProxyProtocol(required, clientaddr.Policy{}, slog.New(slog.DiscardHandler))
		acceptWith(t, protocol, "")
		if missing, unexpected := protocol.Counts(); missing+unexpected != 0 {
			t.Errorf("required %v: %d missing, %d unexpected", required, missing, unexpected)
		}
	}
}
