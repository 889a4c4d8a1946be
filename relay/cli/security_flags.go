package cli

import (
	"net/url"

	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/filter"
)

// TLS has the flags of config.TLS.
type TLS struct {
	TLSCert       string   `name:"tls-cert" placeholder:"FILE"`
	TLSKey        string   `name:"tls-key" placeholder:"FILE"`
	ACMEDomain    []string `name:"acme-domain" placeholder:"NAME"`
	ACMEEmail     string   `name:"acme-email" placeholder:"ADDRESS"`
	ACMEDirectory *url.URL `name:"acme-directory" placeholder:"URL"`
	ACMEListen    string   `name:"acme-listen" placeholder:"ADDR" default:"off"`
}

var tlsHelp = helpTexts{
	"--tls-cert": "Serve TLS with this certificate, in PEM, followed by its intermediate certificates; requires " +
		"--tls-key. Both files are reloaded when they change and on SIGHUP.",
	"--tls-key": "Private key of the certificate, in PEM.",
	"--acme-domain": "Serve TLS with a certificate for this host name from Let's Encrypt, and accept its terms of " +
		"service; may be repeated. Port 443 of that name must lead to --listen, or port 80 to --acme-listen.",
	"--acme-email":     "Address to which the certificate authority reports problems.",
	"--acme-directory": "ACME directory of another certificate authority.",
	"--acme-listen": "Address that answers the certificate authority over plain HTTP and redirects other requests " +
		"to HTTPS, for example ':80' (default: ${default}).",
}

// Access has the flags of config.Access.
type Access struct {
	JWTKey         []string `name:"jwt-key" type:"path" placeholder:"FILE"`
	JWTAudience    string   `name:"jwt-audience" placeholder:"NAME"`
	JWTIssuer      string   `name:"jwt-issuer" placeholder:"NAME"`
	JWTCookie      string   `name:"jwt-cookie" placeholder:"NAME" default:"wpre_relay_token"`
	AuthURL        *url.URL `name:"auth-url" placeholder:"URL"`
	AllowAnonymous bool

	TrustedCapability string         `placeholder:"NAME" default:"edit_others_posts"`
	PublicStatus      []string       `placeholder:"STATUS"`
	Filter            *filter.Filter `placeholder:"EXPR"`
}

var accessHelp = helpTexts{
	"--jwt-key": "Require a JSON Web Token signed with a key in this file: a secret of 32 bytes or more (HS256), " +
		"or public keys in PEM (RS256, ES256, EdDSA). The file is reloaded when it changes and on SIGHUP; may be " +
		"repeated, to replace a key. In the environment both WPRE_RELAY_JWT_KEY and WPRE_RELAY_JWT_KEY_FILE name " +
		"the file.",
	"--jwt-audience": "Require this audience (aud) in tokens.",
	"--jwt-issuer":   "Require this issuer (iss) in tokens.",
	"--jwt-cookie": "Accept a token in this cookie as well; 'off' accepts none (default: ${default}, the cookie that " +
		"the companion sets).",
	"--auth-url": "Authorize clients without a token at this URL: the relay forwards their cookies and origin; " +
		"2xx admits. A JSON object in the response is used as claims.",
	"--allow-anonymous": "Admit all other clients as well, as the public; requires --jwt-key or --auth-url.",
	"--trusted-capability": "Trust only clients whose claim 'caps' contains this WordPress capability; others with " +
		"a token see the same as the public (default: ${default}).",
	"--public-status": "Show the public only events with this status, for example 'publish'; trusted clients see " +
		"all events. May be repeated (default: the public sees all events, also of drafts).",
	"--filter": "Show a client only events for which this expression is true. It may use type, status, post_id, " +
		"post_title, is_update, timestamp, event.FIELD, trusted (true or false) and claims.NAME, for example " +
		"'status == \"publish\" or trusted and type == \"post_saved\"'.",
}

// Limits has the flags of config.Limits.
type Limits struct {
	TrustedProxy  []clientaddr.Network `placeholder:"CIDR"`
	ProxyProtocol bool
	HandshakeRate int `placeholder:"N" default:"0"`
	MessageRate   int `placeholder:"N" default:"100"`
}

var limitHelp = helpTexts{
	"--trusted-proxy": "Trust X-Forwarded-For and Forwarded headers from this network; may be repeated " +
		"(default: none).",
	"--proxy-protocol": "Require the PROXY protocol from trusted proxies.",
	"--handshake-rate": "Maximum requests per second from one address, with bursts of ten seconds' worth " +
		"(default: 0, unlimited). Connections beyond twice that are closed without an answer. Behind a proxy that is " +
		"not trusted, all clients can have the same address.",
	"--message-rate": "Maximum messages per second from one client, pings included; a client that exceeds it is " +
		"closed with code 1008 (default: ${default}).",
}
