package app

import (
	"context"
	"log/slog"

	"wpre-relay/relay/config"
	"wpre-relay/relay/durable"
	"wpre-relay/relay/listener"
	"wpre-relay/relay/security/access"
	"wpre-relay/relay/security/clientaddr"
	"wpre-relay/relay/security/filter"
	"wpre-relay/relay/security/token"
)

// security holds the parts that decide who connects, over what, and what each client sees.
type security struct {
	access  *access.Authenticator
	filter  *filter.Filter // nil: every client sees every event
	proxies clientaddr.Policy
	tls     *listener.TLS
}

// openSecurity reads keys and certificates. It keeps the certificates of an ACME authority in dir of fsys. If it fails,
// it leaves nothing open.
func openSecurity(s config.Security, fsys durable.FS, dir string, logger *slog.Logger) (*security, error) {
	sec := &security{proxies: clientaddr.Policy{Trusted: s.TrustedProxy}}
	var err error
	if sec.access, err = openAccess(s, logger); err != nil {
		return nil, err
	}
	if sec.filter, err = s.EventFilter(); err != nil {
		return nil, err
	}
	sec.tls, err = listener.OpenTLS(listener.TLSOptions(s.TLS), fsys, dir, logger)
	if err != nil {
		return nil, err
	}
	return sec, nil
}

// openAccess returns the authenticator that the settings define.
func openAccess(s config.Security, logger *slog.Logger) (*access.Authenticator, error) {
	opts := access.Options{
		Cookie:            s.TokenCookie(),
		TrustedCapability: s.TrustedCapability,
		Anonymous:         s.AllowAnonymous,
	}
	if len(s.JWTKey) > 0 {
		var err error
		requirements := token.Requirements{Audience: s.JWTAudience, Issuer: s.JWTIssuer}
		if opts.Tokens, err = token.Open(s.JWTKey, requirements, logger); err != nil {
			return nil, err
		}
	}
	if s.AuthURL != nil {
		opts.Site = access.NewSite(s.AuthURL, logger)
	}
	return access.New(opts), nil
}

// reload reads keys and certificates again.
func (s *security) reload() {
	s.access.Reload()
	s.tls.Reload()
}

// run answers the challenges of an ACME authority until ctx ends, or until their listener fails for good.
func (s *security) run(ctx context.Context) error { return s.tls.Run(ctx) }

func (s *security) close() error { return s.tls.Close() }
