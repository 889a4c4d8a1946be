package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"wpre-relay/relay/security/clientaddr"
)

// ProxyProtocol says from which addresses a relay requires the PROXY protocol. The zero value requires none.
type ProxyProtocol struct {
	Enabled bool
	Trusted clientaddr.Policy

	always bool // required from all addresses
}

// dial connects to a relay. It sends the header for connections that a proxy makes for itself, if the relay requires
// one from the address of the connection.
func (p ProxyProtocol) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	source, _ := clientaddr.ParseAddr(conn.LocalAddr().String())
	if p.always || p.Enabled && p.Trusted.Trusts(source) {
		if _, err := io.WriteString(conn, "PROXY UNKNOWN\r\n"); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// checkProxyProtocol looks for a relay at address that does not respond with the settings for the PROXY protocol in
// Options, but with others.
func checkProxyProtocol(ctx context.Context, flag, address string) (finding Finding, found bool) {
	at := fmt.Sprintf("the relay on %s (%s)", address, flag)
	if isRelay(ctx, address, ProxyProtocol{}) {
		return warn("port", at+" requires no PROXY protocol from this machine, although --proxy-protocol is set",
			"Restart the relay with --proxy-protocol and --trusted-proxy, or call check with its settings."), true
	}
	if isRelay(ctx, address, ProxyProtocol{always: true}) {
		return warn("port", at+" requires the PROXY protocol from this machine",
			"Call check with the settings of that relay: --proxy-protocol and --trusted-proxy."), true
	}
	return Finding{}, false
}
