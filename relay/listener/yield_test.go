package listener_test

import (
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/listener"
)

// TestHandshakesYieldToDeliveries has deliveries of different lengths, which begin before a request.
func TestHandshakesYieldToDeliveries(t *testing.T) {
	for _, delivery := range []time.Duration{0, 300 * time.Microsecond, 900 * time.Microsecond, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			until, sent := time.Now().Add(delivery), make(chan struct{})
			time.AfterFunc(delivery, func() { close(sent) })
			due := func() <-chan struct{} {
				if time.Now().Before(until) {
					return sent
				}
				return nil
			}
			fake, stop := serving(t, hello, listener.Options{DeliveryDue: due})
			begin := time.Now()
			if got := get(t, dial(t, fake)); got != "hello" {
				t.Errorf("got %q", got)
			}
			waited, least := time.Since(begin), min(delivery, time.Millisecond)
			if waited != least {
				t.Errorf("with a delivery of %v, the response took %v", delivery, waited)
			}
			stop()
		})
	}
}

// TestHandshakesContinueIfDeliveriesNeverEnd measures how long handshakes wait for deliveries, one after the other.
func TestHandshakesContinueIfDeliveriesNeverEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		due := func() <-chan struct{} { return make(chan struct{}) }
		fake, stop := serving(t, hello, listener.Options{DeliveryDue: due})
		for range 3 {
			for i, want := range []time.Duration{time.Millisecond, 0, 0} {
				begin := time.Now()
				get(t, dial(t, fake))
				if waited := time.Since(begin); waited != want {
					t.Errorf("handshake %d waited for %v, want %v", i, waited, want)
				}
			}
			time.Sleep(4 * time.Millisecond) // other handshakes
		}
		stop()
	})
}
