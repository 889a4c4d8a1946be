package listener_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/listener"
)

// certificate writes a self-signed certificate for relay.test and its key to files.
func certificate(t *testing.T) (opts listener.TLSOptions, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"relay.test"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	opts = listener.TLSOptions{TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{
		opts.TLSCert: {Type: "CERTIFICATE", Bytes: der},
		opts.TLSKey:  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return opts, roots
}

func TestWrapAddsTLSWithTheCertificate(t *testing.T) {
	opts, roots := certificate(t)
	secure, err := listener.OpenTLS(opts, durable.OS, t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	fake := newFakeListener()
	wrapped, scheme := secure.Wrap(fake)
	if scheme != "wss" {
		t.Errorf("the scheme is %s", scheme)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- listener.Serve(ctx, wrapped, hello, listener.Options{Logger: quiet}) }()
	conn, err := fake.dial()
	if err != nil {
		t.Fatal(err)
	}
	client := tls.Client(conn, &tls.Config{
		ServerName: "relay.test",
		RootCAs:    roots,
		NextProtos: []string{"h2", "http/1.1"},
	})
	if got := get(t, client); got != "hello" {
		t.Errorf("got %q", got)
	}
	if protocol := client.ConnectionState().NegotiatedProtocol; protocol != "http/1.1" {
		t.Errorf("the protocol is %q, over which WebSocket does not work", protocol)
	}
	conn.Close()
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestWrapWithoutTLSReturnsTheListener(t *testing.T) {
	plain, err := listener.OpenTLS(listener.TLSOptions{}, durable.OS, t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	fake := newFakeListener()
	if wrapped, scheme := plain.Wrap(fake); wrapped != net.Listener(fake) || scheme != "ws" {
		t.Errorf("got %v, %s", wrapped, scheme)
	}
	plain.Reload()
	if err := plain.Run(t.Context()); err != nil {
		t.Errorf("Run without TLS: %v", err)
	}
	if err := plain.Close(); err != nil {
		t.Errorf("Close without TLS: %v", err)
	}
}

func TestOpenTLSNamesTheMissingFile(t *testing.T) {
	opts, _ := certificate(t)
	opts.TLSKey += ".missing"
	_, err := listener.OpenTLS(opts, durable.OS, t.TempDir(), quiet)
	if err == nil || !strings.Contains(err.Error(), opts.TLSKey) {
		t.Errorf("got %v, want an error with %s", err, opts.TLSKey)
	}
}

// TestACMEListenerClosesTwice closes the listener for challenges without Run, and after it.
func TestACMEListenerClosesTwice(t *testing.T) {
	opts := listener.TLSOptions{ACMEDomain: []string{"relay.test"}, ACMEListen: "127.0.0.1:0"}
	unused, err := listener.OpenTLS(opts, durable.OS, t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	used, err := listener.OpenTLS(opts, durable.OS, t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := used.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	for _, secure := range []*listener.TLS{unused, unused, used} {
		if err := secure.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}
