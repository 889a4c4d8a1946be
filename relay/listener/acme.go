package listener

import (
	"context"
	"net"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"wpre-relay/relay/durable"
)

// openACME prepares to get a certificate from an ACME authority. The first client that connects makes it request the
// certificate, which it renews 30 days before expiry. It accepts the authority's terms of service. TLS challenges
// (RFC 8737) arrive on port 443 and are answered there. HTTP challenges (RFC 8555 §8.3) arrive on port 80 and need
// opts.ACMEListen; other requests to that listener are redirected to HTTPS.
func (t *TLS) openACME(opts TLSOptions, fsys durable.FS, dir string) error {
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      &acmeCache{fs: fsys, dir: filepath.Join(dir, "acme")},
		HostPolicy: allowHosts(opts.ACMEDomain),
		Email:      opts.ACMEEmail,
	}
	if opts.ACMEDirectory != nil {
		manager.Client = &acme.Client{DirectoryURL: opts.ACMEDirectory.String()}
	}
	t.config = newTLSConfig(manager.GetCertificate)
	t.config.NextProtos = append(t.config.NextProtos, acme.ALPNProto)
	t.answer = manager.HTTPHandler(nil)
	if opts.ACMEListen == "" || opts.ACMEListen == "off" {
		return nil
	}
	var err error
	t.challenges, err = Listen("--acme-listen", opts.ACMEListen, t.logger)
	return err
}

// allowHosts returns a policy that allows only certificates for these host names. For HTTP challenges the host
// includes the port, unless that is 80.
func allowHosts(domains []string) autocert.HostPolicy {
	allow := autocert.HostWhitelist(domains...)
	return func(ctx context.Context, host string) error {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		return allow(ctx, strings.ToLower(host))
	}
}
