//go:build linux

package integration_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/testwait"
)

// writeCertificate writes a certificate with this serial number for the names, and its key, into a directory.
func writeCertificate(t testing.TB, dir string, serial int64, names ...string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: names[0]},
		DNSNames:     names,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeFile(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return certificate, key
}

// certificate returns the serial number of the relay's certificate, and the protocol that the relay selects (ALPN).
func (r *relay) certificate() (serial int64, protocol string) {
	r.t.Helper()
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}
	conn, err := tls.Dial("tcp", r.address, config)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	state := conn.ConnectionState()
	return state.PeerCertificates[0].SerialNumber.Int64(), state.NegotiatedProtocol
}

// TestTLSClientsSurviveCertificateRenewal connects a WebSocket and an SSE client. Both stay connected until the relay
// stops.
func TestTLSClientsSurviveCertificateRenewal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	certificate, key := writeCertificate(t, s.root, 1, "localhost")
	r := s.start("--tls-cert", certificate, "--tls-key", key, "--drain", "1ms")
	if serial, protocol := r.certificate(); serial != 1 || protocol != "http/1.1" {
		t.Errorf("certificate %d, protocol %q", serial, protocol)
	}
	conn, stream := dialTLS(t, r)
	if text, status := run(t, command(t, "healthcheck", "--listen", r.address)); status != 0 {
		t.Errorf("healthcheck: exit status %d, %s", status, text)
	}
	for n := range 100 {
		s.write(n)
		expect(t, conn, document(n))
	}
	writeCertificate(t, s.root, 2, "localhost")
	r.signal(syscall.SIGHUP)
	if !testwait.Until(func() bool { serial, _ := r.certificate(); return serial == 2 }) {
		t.Fatal("the new certificate is not used")
	}
	s.write(1000)
	expect(t, conn, document(1000))
	if status := r.stop(syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("closed with %v, want 1012", err)
	}
	all, err := io.ReadAll(stream)
	if n := strings.Count(string(all), `data: {"timestamp"`); err != nil || n != 101 {
		t.Errorf("%d events in the stream, %v; want 101", n, err)
	}
}

// dialTLS connects a WebSocket client and an SSE client.
func dialTLS(t *testing.T, r *relay) (*websocket.Conn, io.Reader) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	conn, _, err := websocket.Dial(t.Context(), "wss://"+r.address, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	response, err := client.Get("https://" + r.address + "/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return conn, response.Body
}
