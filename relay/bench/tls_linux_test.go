package bench_test

import (
	"context"
	"crypto/tls"
	"errors"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"wpre-relay/relay/bench"
	"wpre-relay/relay/testwait"
)

func TestClientsSpeakTLS(t *testing.T) {
	s := (&server{tls: new(tls.Config)}).start(t)
	for _, size := range []int{160, 192 << 10} {
		got, err := load(t, s, size, bench.Settings{Clients: 10, Herd: 3, Events: 5})
		if err != nil || got.Deliveries != 10*5 || got.Lost != 0 || got.Herd.Connected != 3 ||
			!strings.HasPrefix(got.URL, "wss://") {
			t.Errorf("size %d: got %+v, %v", size, got, err)
		}
	}
}

// onHello returns a TLS configuration that calls hello with the number of earlier TLS handshakes, when one begins.
func onHello(hello func(n int64) error) *tls.Config {
	var handshakes atomic.Int64
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return nil, hello(handshakes.Add(1) - 1)
	}}
}

// TestTLSHandshakesAreConcurrent has a server that answers when all clients have begun, and again when the whole herd
// has.
func TestTLSHandshakesAreConcurrent(t *testing.T) {
	const clients, herd = 10, 20 // so few that all begin before the first ones give up
	var begun, herdBegun sync.WaitGroup
	begun.Add(clients)
	herdBegun.Add(herd)
	s := (&server{tls: onHello(func(n int64) error {
		all := &begun
		if n >= clients {
			all = &herdBegun
		}
		all.Done()
		all.Wait()
		return nil
	})}).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: clients, Herd: herd, Events: 2})
	if err != nil || got.Connected != clients || got.Rejected != 0 || got.Deliveries != 2*clients ||
		got.Herd.Connected != herd || got.Herd.Timeouts != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRejectionQuotesTheAlertOfTLS(t *testing.T) {
	s := (&server{tls: onHello(func(int64) error { return errors.New("no certificate") })}).start(t)
	got, err := load(t, s, 160, bench.Settings{Clients: 3, Events: 1})
	if got != nil || err == nil || !strings.Contains(err.Error(), "connect: remote error: tls: internal error") {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestEndOfContextStopsTLSHandshakes ends the run while the server holds TLS handshakes of clients, or of the herd.
func TestEndOfContextStopsTLSHandshakes(t *testing.T) {
	const clients, herd = 10, 10
	for _, answered := range []int64{3, clients + 3} {
		ctx, cancel := context.WithCancel(t.Context())
		held := make(chan struct{})
		s := (&server{tls: onHello(func(n int64) error {
			if n >= answered {
				cancel()
				<-held
			}
			return nil
		})}).start(t)
		t.Cleanup(func() { close(held) })
		got, err := bench.Run(ctx, bench.Options{
			Settings:        bench.Settings{URL: s.url, Write: s.file, Clients: clients, Herd: herd, Events: 2},
			Size:            160,
			DeliveryTimeout: testwait.Limit,
		})
		if err != nil || answered > clients && (got.Connected != clients || got.Herd.Connected > 3) {
			t.Errorf("%d answered: got %+v, %v", answered, got, err)
		}
		var goroutines strings.Builder
		pprof.Lookup("goroutine").WriteTo(&goroutines, 1)
		if strings.Contains(goroutines.String(), "crypto/tls.(*Conn).clientHandshake") {
			t.Errorf("%d answered: a TLS handshake continues:\n%s", answered, goroutines.String())
		}
	}
}
