package listener_test

import (
	"io"
	"net"
	"testing"

	"wpre-relay/relay/listener"
	"wpre-relay/relay/security/clientaddr"
)

// acceptFrom accepts a connection from 127.0.0.1 that sends text, and returns the address that it has for the
// listener, or the error of the first read.
func acceptFrom(t *testing.T, proxies clientaddr.Policy, text string) (remote string, err error) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outer := listener.ProxyProtocol(inner, proxies)
	defer outer.Close()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := io.WriteString(client, text); err != nil {
		t.Fatal(err)
	}
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
