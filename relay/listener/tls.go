package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/watchedfile"
)

// TLSOptions are the options of OpenTLS. The zero value means no TLS. Package app converts config.TLS to it, so the
// fields must be the same.
type TLSOptions struct {
	TLSCert string // PEM file with the certificate and its intermediates; it excludes ACMEDomain
	TLSKey  string // PEM file with the private key

	ACMEDomain    []string // host names to get a certificate for
	ACMEEmail     string   // for messages from the authority; may be ""
	ACMEDirectory *url.URL // of the authority; nil: Let's Encrypt
	ACMEListen    string   // address for HTTP challenges; "" or "off": none
}

// TLS holds the TLS configuration of a listener and keeps its certificate current. Use OpenTLS, and Close when it is
// no longer used.
type TLS struct {
	logger     *slog.Logger
	config     *tls.Config  // nil without TLS
	reload     func()       // reads the certificate's files; nil unless it comes from files
	challenges *Socket      // nil without HTTP challenges
	answer     http.Handler // answers the challenges
}

// OpenTLS reads the certificate, or prepares to get one from an ACME authority (RFC 8555) and listens for its HTTP
// challenges. It keeps ACME keys and certificates in dir of fsys.
func OpenTLS(opts TLSOptions, fsys durable.FS, dir string, logger *slog.Logger) (*TLS, error) {
	t := &TLS{logger: logger}
	var err error
	switch {
	case opts.TLSCert != "":
		err = t.openFiles(opts)
	case len(opts.ACMEDomain) > 0:
		err = t.openACME(opts, fsys, dir)
	}
	return t, err
}

// Wrap returns a listener with TLS around it, and the scheme of its WebSocket URL. Without TLS it returns the same
// listener.
func (t *TLS) Wrap(listener net.Listener) (_ net.Listener, scheme string) {
	if t.config == nil {
		return listener, "ws"
	}
	return tls.NewListener(countedListener{listener}, t.config), "wss"
}

// Run answers HTTP challenges until ctx ends. Like Serve, it returns an error if the listener fails for good.
func (t *TLS) Run(ctx context.Context) error {
	if t.challenges == nil {
		return nil
	}
	return Serve(ctx, t.challenges, t.answer, Options{Logger: t.logger})
}

// Check returns why the listener for HTTP challenges accepts no connections, or nil; see Socket.Check.
func (t *TLS) Check() error {
	if t.challenges == nil {
		return nil
	}
	return t.challenges.Check()
}

// Reload reads the certificate's files again.
func (t *TLS) Reload() {
	if t.reload != nil {
		t.reload()
	}
}

// Close closes the listener for HTTP challenges. It may be called after Run, which closes it, too.
func (t *TLS) Close() error {
	if t.challenges == nil {
		return nil
	}
	if err := t.challenges.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// openFiles reads the certificate and its key. New connections get a changed certificate within one second.
func (t *TLS) openFiles(opts TLSOptions) error {
	parse := func(contents [][]byte) (*tls.Certificate, error) {
		pair, err := tls.X509KeyPair(contents[0], contents[1])
		return &pair, err
	}
	pair, err := watchedfile.Open(t.logger, parse, opts.TLSCert, opts.TLSKey)
	if err != nil {
		return fmt.Errorf("TLS certificate: %w", err)
	}
	t.config = newTLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.Get(), nil })
	t.reload = pair.Reload
	return nil
}

// newTLSConfig returns a configuration with Go's defaults, except that it offers no HTTP/2: WebSocket needs HTTP/1.1.
func newTLSConfig(getCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: getCertificate,
	}
}
