package check

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// explainDialError returns the finding for a failed handshake. response is the server's response, or nil if there is
// none.
func explainDialError(opts Options, page string, response *http.Response, err error) Finding {
	const check = "connection"
	address := withoutSecrets(opts.URL)
	if response == nil {
		return explainNoResponse(opts, address, err)
	}
	body, fromRelay := strings.CutPrefix(rawBody(response), messagePrefix)
	passUpgrade := passUpgrade(relayAddress(opts.Listen), opts.URL.Path)
	noUpgrade := fromRelay && response.StatusCode == http.StatusUpgradeRequired ||
		strings.HasPrefix(body, "WebSocket protocol violation") && strings.Contains(body, "pgrade")
	switch code := response.StatusCode; {
	case noUpgrade:
		return fail(check, address+" does not upgrade: the proxy in front of the relay removes the Upgrade and "+
			"Connection headers (RFC 9110 §7.8)", "Pass both headers on:", passUpgrade...)
	case fromRelay && code == http.StatusForbidden && strings.Contains(body, "origin"):
		return originRejected(page, body)
	case fromRelay && code == http.StatusUnauthorized:
		return ok(check, address+" is the relay, which requires a token: "+body)
	case fromRelay:
		return fail(check, fmt.Sprintf("%s rejects the connection: %s %s", address, response.Status, body), "")
	case code == http.StatusBadRequest && strings.HasPrefix(body, "400 Bad Request"): // of Go's server
		return fail(check, address+" responds with 400: it cannot read the request, perhaps because the proxy in front of "+
			"the relay sends the PROXY protocol", "Start the relay with the two flags, or turn the PROXY protocol off in "+
			"the proxy:", Snippet{"For the command line", "--proxy-protocol --trusted-proxy ADDRESS-OF-THE-PROXY"})
	case code == http.StatusUnauthorized:
		return fail(check, address+" requires a password, but not that of the relay: the response is of another server",
			"Pass this path on to the relay without authentication (nginx: auth_basic off):", passUpgrade...)
	case code == http.StatusBadGateway, code == http.StatusGatewayTimeout, code == http.StatusServiceUnavailable:
		return fail(check, fmt.Sprintf("the proxy at %s cannot reach the relay (%s)", address, response.Status),
			"Start the relay, or correct its address in the proxy's configuration. From another container, that is "+
				"the name of the service, not localhost.", passUpgrade...)
	case code >= 300 && code < 400:
		return fail(check, fmt.Sprintf("%s redirects to %s, and browsers do not follow redirects of WebSockets",
			address, response.Header.Get("Location")), "Set the plugin's address to the target of the redirect.")
	default:
		return fail(check, fmt.Sprintf("%s is not the relay: it responds with %s", address, response.Status),
			"Pass this path on to the relay:", passUpgrade...)
	}
}

// withoutSecrets returns an address without its password and its query, which can hold a token.
func withoutSecrets(address *url.URL) string {
	return (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path}).String()
}

// messagePrefix begins the body of all responses with which the relay rejects a request.
const messagePrefix = "wpre-relay: "

// rawBody returns the start of the response's body.
func rawBody(response *http.Response) string {
	if response.Body == nil {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
	return strings.TrimSpace(string(text))
}

// explainNoResponse returns the finding for an error before any response.
func explainNoResponse(opts Options, address string, err error) Finding {
	const check = "connection"
	if finding, found := explainTLSError(check, address, err); found {
		return finding
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return fail(check, address+" accepts the connection, but closes it without a response", "If there is a proxy for "+
			"TCP in front of the relay, both must agree on the PROXY protocol: a proxy that sends it (HAProxy: send-proxy) "+
			"needs --proxy-protocol and --trusted-proxy, and the other way round. The relay's log names such connections.")
	}
	return fail(check, fmt.Sprintf("cannot connect to %s: %v", address, innermost(err)),
		"If the relay runs, check the firewall and the port mapping of the container. Otherwise start it:",
		startCommands(opts)...)
}

// explainTLSError returns the finding for a server without TLS or with a certificate that browsers reject. found is
// false for other errors.
func explainTLSError(check, address string, err error) (finding Finding, found bool) {
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &host), errors.As(err, &authority), errors.As(err, &certificate):
		return fail(check, fmt.Sprintf("browsers reject the certificate of %s: %v", address, innermost(err)), "Use a "+
			"certificate for this name from a public authority, and put the intermediate certificates into the file."), true
	case errors.As(err, &record), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		fix := "Use http://, or enable TLS in the web server."
		if check == "connection" {
			fix = "Use ws://, or enable TLS in the relay (--tls-cert, --acme-domain) or in a proxy in front of it."
		}
		return fail(check, address+" does not speak TLS", fix), true
	}
	return Finding{}, false
}

// innermost returns the error inside the HTTP client's error, which repeats the address.
func innermost(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
