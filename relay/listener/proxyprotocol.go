package listener

import (
	"bytes"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"

	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/throttle"
)

// proxyHeaderTimeout is how long a proxy may take to send the PROXY protocol header.
const proxyHeaderTimeout = 10 * time.Second

// proxySignatures begin the headers of the PROXY protocol, versions 1 and 2. Neither HTTP nor TLS begins like this.
var proxySignatures = [][]byte{[]byte("PROXY "), []byte("\r\n\r\n\x00\r\nQUIT\n")}

// ProxyProtocol accepts or rejects headers of the PROXY protocol (HAProxy's, versions 1 and 2), and reports
// connections whose first bytes do not match the settings. Use NewProxyProtocol.
type ProxyProtocol struct {
	required bool
	proxies  clientaddr.Policy
	logger   *slog.Logger

	missing    mismatches
	unexpected mismatches
}

// mismatches counts connections of one kind.
type mismatches struct {
	count    atomic.Uint64
	throttle throttle.Throttle
}

// NewProxyProtocol returns the PROXY protocol of a relay. Trusted proxies must send a header if required is set.
func NewProxyProtocol(required bool, proxies clientaddr.Policy, logger *slog.Logger) *ProxyProtocol {
	return &ProxyProtocol{required: required, proxies: proxies, logger: logger}
}

// Counts returns the number of connections without a required header, and of those with a header that is not
// expected. They were rejected.
func (p *ProxyProtocol) Counts() (missing, unexpected uint64) {
	return p.missing.count.Load(), p.unexpected.count.Load()
}

// Wrap returns a listener that requires a header from trusted proxies, if headers are required. Their connections get
// the remote address that the header names. Other connections with a header are reported, and fail because the header
// is neither HTTP nor TLS.
func (p *ProxyProtocol) Wrap(listener net.Listener) net.Listener {
	inspected := inspectingListener{listener, p}
	if !p.required {
		return inspected
	}
	return &proxyproto.Listener{
		Listener:          inspected,
		ReadHeaderTimeout: proxyHeaderTimeout,
		ConnPolicy: func(conn proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if p.requires(conn.Upstream) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

// requires reports whether connections from an address must have a header.
func (p *ProxyProtocol) requires(from net.Addr) bool {
	address, _ := clientaddr.ParseAddr(from.String())
	return p.required && p.proxies.Trusts(address)
}

// inspect reports a connection whose first bytes do not match the settings. It is wrong if the first segment holds
// only a part of the signature; proxies send the header at once.
func (p *ProxyProtocol) inspect(first []byte, from net.Addr) {
	hasHeader := false
	for _, signature := range proxySignatures {
		hasHeader = hasHeader || bytes.HasPrefix(first, signature)
	}
	required := p.requires(from)
	switch {
	case required && !hasHeader:
		p.report(&p.missing, from, "PROXY protocol header missing, rejecting the connection",
			"let the proxy send it (HAProxy: send-proxy), or remove --proxy-protocol")
	case hasHeader && !required:
		p.report(&p.unexpected, from, "unexpected PROXY protocol header, rejecting the connection",
			"set --proxy-protocol, and --trusted-proxy to this address; or turn it off in the proxy")
	}
}

// report counts a mismatch and logs it, at most once in 10 seconds.
func (p *ProxyProtocol) report(kind *mismatches, from net.Addr, message, fix string) {
	kind.count.Add(1)
	if n, due := kind.throttle.Count(); due {
		p.logger.Warn(message, "remote", from.String(), "fix", fix, "times", n)
	}
}

// inspectingListener passes the first bytes of each connection to protocol.
type inspectingListener struct {
	net.Listener
	protocol *ProxyProtocol
}

// Accept implements net.Listener.
func (l inspectingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &inspectedConn{Conn: conn, protocol: l.protocol}, nil
}

// inspectedConn is a connection whose first bytes are inspected. It passes all bytes on.
type inspectedConn struct {
	net.Conn
	protocol *ProxyProtocol // nil after the first bytes; used by Read only
}

// Read implements net.Conn. One goroutine at a time may call it.
func (c *inspectedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.protocol != nil {
		c.protocol.inspect(p[:n], c.RemoteAddr())
		c.protocol = nil
	}
	return n, err
}

// Transparent returns the connection below, which passes the same bytes. After the first bytes, that can be used
// instead.
func (c *inspectedConn) Transparent() net.Conn { return c.Conn }
