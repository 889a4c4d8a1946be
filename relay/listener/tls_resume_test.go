package listener_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/listener"
	"wpre-relay/relay/testwait"
)

// TestReturningBrowserResumesTLS connects twice with one cache of sessions. The second handshake needs no signature.
func TestReturningBrowserResumesTLS(t *testing.T) {
	opts, roots := certificate(t)
	opened, err := listener.OpenTLS(opts, durable.OS, t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	wrapped, _ := opened.Wrap(inner)
	config := &tls.Config{RootCAs: roots, ServerName: "relay.test", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for _, resumes := range []bool{false, true} {
		go func() {
			if conn, err := wrapped.Accept(); err == nil {
				io.WriteString(conn, "x")
				conn.Close()
			}
		}()
		conn, err := tls.Dial("tcp", inner.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(testwait.Limit))
		io.ReadAll(conn) // a ticket arrives after the handshake
		if got := conn.ConnectionState().DidResume; got != resumes {
			t.Errorf("resumed: %t, want %t", got, resumes)
		}
		conn.Close()
	}
}
