//go:build linux

package integration_test

import (
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/relay/testwait"
)

// openSSL is a client that is not written in Go: openssl s_client.
type openSSL struct {
	t              *testing.T
	input          io.Writer
	output, errors syncBuffer
}

// dialOpenSSL connects a client and upgrades it to WebSocket. The test's end kills it.
func dialOpenSSL(t *testing.T, r *relay, args ...string) *openSSL {
	t.Helper()
	c := &openSSL{t: t}
	args = append([]string{"s_client", "-connect", r.address}, args...)
	cmd := exec.CommandContext(t.Context(), lookPath(t, "openssl"), args...)
	cmd.Stdout, cmd.Stderr = &c.output, &c.errors
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.input = input
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	c.send("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", &c.output, "101 Switching")
	return c
}

// send sends input, in one segment with nothing else because it waits until buffer has the answer once more.
func (c *openSSL) send(input string, buffer *syncBuffer, answer string) {
	c.t.Helper()
	before := strings.Count(buffer.String(), answer)
	io.WriteString(c.input, input)
	c.wait(buffer, answer, before+1)
}

// wait waits until buffer has the text n times.
func (c *openSSL) wait(buffer *syncBuffer, text string, n int) {
	c.t.Helper()
	if !testwait.Until(func() bool { return strings.Count(buffer.String(), text) >= n }) {
		c.t.Fatalf("no %q:\n%s%s", text, c.output.String(), c.errors.String())
	}
}

// TestOpenSSLClientUpdatesItsKeys has the client change its keys (RFC 8446 §4.6.3), with and without a change of the
// relay's, between events and pings.
func TestOpenSSLClientUpdatesItsKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	certificate, key := writeCertificate(t, s.root, 1, "localhost")
	r := s.start("--tls-cert", certificate, "--tls-key", key)
	c := dialOpenSSL(t, r, "-tls1_3")
	for n := range 4 {
		c.send([]string{"K\n", "k\n"}[n%2], &c.errors, "KEYUPDATE")
		s.write(n)
		c.wait(&c.output, document(n), 1)
		c.send(fanouttest.Masked(0x89, "ping"), &c.output, "\x8a\x04ping")
	}
}

func TestOpenSSLClientOfTLS12GetsEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	certificate, key := writeCertificate(t, s.root, 1, "localhost")
	r := s.start("--tls-cert", certificate, "--tls-key", key, "--drain", "1ms")
	c := dialOpenSSL(t, r, "-tls1_2")
	s.write(1)
	c.wait(&c.output, document(1), 1)
	c.send(fanouttest.Masked(0x89, "ping"), &c.output, "\x8a\x04ping")
	c.send(fanouttest.Masked(0x88, "\x03\xe8"), &c.output, "\x88\x02\x03\xe8")
	c.wait(&c.output, "closed", 1) // openssl reports the close alert
}
