// Package guard opens what the settings of security name: keys, certificates, and the site that is asked.
package security

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"wpre-relay/relay/config"
	"wpre-relay/relay/listener"
	"wpre-relay/relay/listener/certificate"
	"wpre-relay/relay/security/access"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/security/token"
)

// Guard is what stands between the relay and the world. Use Open.
type Guard struct {
	Gate   *access.Gate   // who may listen
	Filter *filter.Filter // who sees what; nil: everybody all

	// Proxies are those that are believed when they say for whom they speak.
	Proxies clientaddr.Policy

	spoken  bool // they say it with the PROXY protocol
	logger  *slog.Logger
	secure  *tls.Config  // nil without TLS
	http    net.Listener // where the certificate's authority asks; nil if it does not
	answers http.Handler // for that
	reload  []func()
}

// Open opens what the settings name. The folder is for what an authority of certificates gives.
func Open(s config.Security, dir string, logger *slog.Logger) (*Guard, error) {
	g := &Guard{Proxies: clientaddr.Policy{Trusted: s.TrustedProxy}, spoken: s.ProxyProtocol, logger: logger}
	options := access.Options{Cookie: s.JWTCookie, Anonymous: s.AllowAnonymous}
	var err error
	if len(s.JWTKey) > 0 {
		if options.Tokens, err = token.Open(s.JWTKey, token.Check{Audience: s.JWTAudience, Issuer: s.JWTIssuer}, logger); err != nil {
			return nil, err
		}
		g.reload = append(g.reload, options.Tokens.Reload)
	}
	if s.AuthURL != nil {
		options.Site = access.NewSite(s.AuthURL, logger)
	}
	g.Gate = access.New(options)
	if g.Filter, err = s.EventFilter(); err != nil {
		return nil, err
	}
	return g, g.openTLS(s, dir)
}

func (g *Guard) openTLS(s config.Security, dir string) (err error) {
	switch {
	case s.TLSCert != "":
		var reload func()
		g.secure, reload, err = certificate.FromFiles(s.TLSCert, s.TLSKey, g.logger)
		g.reload = append(g.reload, reload)
	case len(s.ACMEDomain) > 0:
		authority := certificate.ACME{
			Domains:   s.ACMEDomain,
			Email:     s.ACMEEmail,
			Directory: s.ACMEDirectory,
			Dir:       filepath.Join(dir, "acme"),
		}
		g.secure, g.answers = authority.Config()
		if s.ACMEListen != "off" && s.ACMEListen != "" {
			g.http, err = listener.Listen("--acme-listen", s.ACMEListen)
		}
	}
	return err
}

// Secure returns the listener with the PROXY protocol and TLS around it, if they are asked for, and the scheme of its URL.
func (g *Guard) Secure(listener net.Listener) (_ net.Listener, scheme string) {
	if g.spoken {
		listener = g.Proxies.Listen(listener)
	}
	if g.secure == nil {
		return listener, "ws"
	}
	return tls.NewListener(listener, g.secure), "wss"
}

// Run answers the certificate's authority until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	if g.http != nil {
		listener.Serve(ctx, g.http, g.answers, g.logger)
	}
}

// Reload reads keys and certificates again.
func (g *Guard) Reload() {
	for _, reload := range g.reload {
		reload()
	}
}

// Mint returns a token with these claims, signed with the first key in the file.
func Mint(file string, claims map[string]any) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--jwt-key: %w", err)
	}
	keys, err := token.ParseKeys(content)
	if err != nil {
		return "", fmt.Errorf("--jwt-key: %s: %w", file, err)
	}
	minted, err := token.Mint(keys[0], claims)
	if err != nil {
		return "", fmt.Errorf("--jwt-key: %s: %w", file, err)
	}
	return minted, nil
}
