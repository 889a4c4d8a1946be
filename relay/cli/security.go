package cli

import (
	"errors"
	"net/url"

	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/filter"
)

// Security are the settings of the relay that say who may listen, to what, and how much of it there may be.
type Security struct {
	TLSCert       string   `group:"tls" name:"tls-cert" placeholder:"FILE" help:"Speak TLS with this certificate, in PEM, with those between it and its authority behind; with --tls-key. Both are read again when they change, and on SIGHUP."`
	TLSKey        string   `group:"tls" name:"tls-key" placeholder:"FILE" help:"The certificate's private key, in PEM."`
	ACMEDomain    []string `group:"tls" name:"acme-domain" placeholder:"NAME" help:"Speak TLS with a certificate for this host name from Let's Encrypt, whose terms of service that accepts; may be repeated. Port 443 of that name must lead to --listen, or port 80 to --acme-listen."`
	ACMEEmail     string   `group:"tls" name:"acme-email" placeholder:"ADDRESS" help:"Where the authority writes to about problems."`
	ACMEDirectory *url.URL `group:"tls" name:"acme-directory" placeholder:"URL" help:"Another authority's ACME directory."`
	ACMEListen    string   `group:"tls" name:"acme-listen" placeholder:"ADDR" default:"off" help:"Where to answer the authority over plain HTTP, and send others to HTTPS: ':80' (default: ${default})."`

	JWTKey         []string       `group:"access" name:"jwt-key" type:"path" placeholder:"FILE" help:"Ask for a JSON Web Token signed with a key in this file: a secret of 32 bytes or more (HS256), or public keys in PEM (RS256, ES256, EdDSA). Read again when it changes, and on SIGHUP; may be repeated, while keys change. In the environment both WPRE_RELAY_JWT_KEY and WPRE_RELAY_JWT_KEY_FILE name the file."`
	JWTAudience    string         `group:"access" name:"jwt-audience" placeholder:"NAME" help:"Tokens must be for this audience (aud)."`
	JWTIssuer      string         `group:"access" name:"jwt-issuer" placeholder:"NAME" help:"Tokens must be from this issuer (iss)."`
	JWTCookie      string         `group:"access" name:"jwt-cookie" placeholder:"NAME" help:"Take a token from this cookie, too."`
	AuthURL        *url.URL       `group:"access" name:"auth-url" placeholder:"URL" help:"Ask the site about those without a token: it gets their cookies and origin, and admits them with 2xx. A JSON object in its answer counts as a token's claims."`
	AllowAnonymous bool           `group:"access" help:"With --jwt-key or --auth-url, admit everybody else as well, as the public."`
	PublicStatus   []string       `group:"access" placeholder:"STATUS" help:"Show the public only events of this status, as 'publish'; who has a token sees all. May be repeated (default: drafts, too, are sent to everybody)."`
	Filter         *filter.Filter `group:"access" placeholder:"EXPR" help:"Show a client only events for which this is true: an expression over type, status, post_id, post_title, is_update, timestamp, event.FIELD, token (true or false) and claims.NAME, as 'status == \"publish\" or \"editor\" in claims.roles'."`

	TrustedProxy  []clientaddr.Network `group:"floods" placeholder:"CIDR" help:"Proxies that are believed when they say, in X-Forwarded-For or Forwarded, for whom they speak; may be repeated (default: none)."`
	ProxyProtocol bool                 `group:"floods" help:"Trusted proxies say it with the PROXY protocol, and must."`
	HandshakeRate int                  `group:"floods" placeholder:"N" default:"0" help:"Most requests a second from one address, ten seconds' worth at once; behind a proxy that is not trusted all may have the same (default: 0, no limit)."`
	MessageRate   int                  `group:"floods" placeholder:"N" default:"100" help:"Most messages a second from one client, pings included; one beyond it is closed with 1008 (default: ${default})."`
}

// gated reports whether clients must say who they are.
func (s *Security) gated() bool { return len(s.JWTKey) > 0 || s.AuthURL != nil }

// validate refuses what cannot be meant.
func (s *Security) validate() error {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case s.TLSCert != "" && len(s.ACMEDomain) > 0:
		return errors.New("--tls-cert and --acme-domain: give one; each is a way to a certificate")
	case len(s.ACMEDomain) == 0 && (s.ACMEEmail != "" || s.ACMEDirectory != nil || s.ACMEListen != "" && s.ACMEListen != "off"):
		return errors.New("--acme-email, --acme-directory and --acme-listen say more about --acme-domain, which is missing")
	case len(s.JWTKey) == 0 && (s.JWTAudience != "" || s.JWTIssuer != "" || s.JWTCookie != ""):
		return errors.New("--jwt-audience, --jwt-issuer and --jwt-cookie say more about --jwt-key, which is missing")
	case s.AuthURL != nil && (s.AuthURL.Scheme != "http" && s.AuthURL.Scheme != "https" || s.AuthURL.Host == ""):
		return errors.New("--auth-url must be of the form https://host/path")
	case s.ACMEDirectory != nil && (s.ACMEDirectory.Scheme != "https" || s.ACMEDirectory.Host == ""):
		return errors.New("--acme-directory must be of the form https://host/path")
	case s.AllowAnonymous && !s.gated():
		return errors.New("--allow-anonymous: everybody is admitted without --jwt-key and --auth-url")
	case s.Filter != nil && len(s.PublicStatus) > 0:
		return errors.New("--filter and --public-status: give one; the second stands for --filter 'token or status in [\"publish\"]'")
	case len(s.PublicStatus) > 0 && s.gated() && !s.AllowAnonymous:
		return errors.New("--public-status says what those see who have no token, and they are not admitted; add --allow-anonymous, or leave it out")
	case s.ProxyProtocol && len(s.TrustedProxy) == 0:
		return errors.New("--proxy-protocol: say with --trusted-proxy who is believed")
	case s.HandshakeRate < 0 || s.MessageRate < 1:
		return errors.New("--handshake-rate must not be negative, and --message-rate at least 1")
	}
	return nil
}

// Shown returns the filter that is asked for in either way, nil if none is.
func (s *Security) Shown() (*filter.Filter, error) {
	if len(s.PublicStatus) > 0 {
		return filter.PublicStatus(s.PublicStatus)
	}
	return s.Filter, nil
}

// ShowsDrafts reports whether everybody who connects is shown every event.
func (s *Security) ShowsDrafts() bool {
	return s.Filter == nil && len(s.PublicStatus) == 0 && (!s.gated() || s.AllowAnonymous)
}
