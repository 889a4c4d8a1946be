// Package certificate has the TLS configurations of the relay: with a certificate from files, which may be renewed while
// it runs, or with one that an ACME authority (RFC 8555) gives and renews.
package certificate

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"wpre-relay/relay/watchedfile"
)

// config returns what all have in common: Go's own defaults, which follow what is good practice, without HTTP/2, over
// which nothing that the relay serves can be upgraded.
func config(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: get,
	}
}

// FromFiles returns a configuration with the certificate, and those between it and its authority, and the key in two PEM
// files. Within a second of a change of them new connections get what they say then; reload has them read at once.
func FromFiles(certificate, key string, logger *slog.Logger) (_ *tls.Config, reload func(), err error) {
	parse := func(contents [][]byte) (*tls.Certificate, error) {
		pair, err := tls.X509KeyPair(contents[0], contents[1])
		return &pair, err
	}
	pair, err := watchedfile.Open(logger, parse, certificate, key)
	if err != nil {
		return nil, nil, fmt.Errorf("TLS certificate: %w", err)
	}
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.Get(), nil }
	return config(get), pair.Reload, nil
}

// ACME says how to get a certificate from an authority.
type ACME struct {
	Domains   []string // for these host names only
	Email     string   // to be told of problems; may be ""
	Directory *url.URL // of the authority; nil: Let's Encrypt
	Dir       string   // folder where keys and certificates are kept
}

// Config returns the configuration, and the handler that answers the authority's questions over plain HTTP, at port 80
// (RFC 8555 §8.3); others it redirects to HTTPS. Questions over TLS (RFC 8737) the configuration answers itself, at port
// 443. A certificate is asked for when the first client connects, and is renewed 30 days before its end. To use it is to
// accept the authority's terms of service.
func (a ACME) Config() (*tls.Config, http.Handler) {
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(a.Dir),
		HostPolicy: a.allow,
		Email:      a.Email,
	}
	if a.Directory != nil {
		manager.Client = &acme.Client{DirectoryURL: a.Directory.String()}
	}
	c := config(manager.GetCertificate)
	c.NextProtos = append(c.NextProtos, acme.ALPNProto)
	return c, manager.HTTPHandler(nil)
}

// allow is an autocert.HostPolicy. Over HTTP it is asked with the port, if that is not 80.
func (a ACME) allow(ctx context.Context, host string) error {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return autocert.HostWhitelist(a.Domains...)(ctx, strings.ToLower(host))
}
