package listener_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"wpre-relay/relay/durable"
	"wpre-relay/relay/listener"
)

// distantConn is the client's end of a connection whose second write, which completes the TLS handshake, waits until
// release is closed.
type distantConn struct {
	net.Conn
	writes  int
	waiting func()
	release <-chan struct{}
}

func (c *distantConn) Write(p []byte) (int, error) {
	if c.writes++; c.writes == 2 {
		c.waiting()
		<-c.release
	}
	return c.Conn.Write(p)
}

// TestDistantTLSHerdConnects has clients with post-quantum keys, which have all got an answer before one of them
// continues.
func TestDistantTLSHerdConnects(t *testing.T) {
	const herd = 350
	opts, _ := certificate(t)
	secure, err := listener.OpenTLS(opts, durable.OS, t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeListener()
		wrapped, _ := secure.Wrap(fake)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- listener.Serve(ctx, wrapped, hello, listener.Options{Logger: quiet}) }()
		var clients, unanswered sync.WaitGroup
		unanswered.Add(herd)
		release := make(chan struct{})
		for range herd {
			answered := sync.OnceFunc(unanswered.Done)
			conn := &distantConn{Conn: dial(t, fake), waiting: answered, release: release}
			clients.Go(func() {
				defer answered()
				defer conn.Close()
				client := tls.Client(conn, &tls.Config{
					InsecureSkipVerify: true,
					NextProtos:         []string{strings.Repeat("x", 200), "http/1.1"}, // as long as browsers' extensions
				})
				if got := get(t, client); got != "hello" {
					t.Errorf("got %q", got)
				}
			})
		}
		unanswered.Wait()
		close(release)
		clients.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
