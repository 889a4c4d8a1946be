package fanout_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
)

func TestFailedAcceptDoesNotCallOnDisconnect(t *testing.T) {
	c := fanout.New(openLog(t, eventlog.Options{}).Reader, fanout.Options{Logger: discard})
	cfg := fanout.ClientConfig{
		Format:       fanout.Acked,
		OnDisconnect: func(d fanout.Disconnect) { t.Errorf("OnDisconnect is called with %+v", d) },
	}
	version12, noKey := upgradeRequest(), upgradeRequest()
	version12.Header.Set("Sec-Websocket-Version", "12")
	noKey.Header.Del("Sec-Websocket-Key")
	for name, tc := range map[string]struct {
		request *http.Request
		accept  func(http.ResponseWriter, *http.Request, fanout.ClientConfig) error
	}{
		"WebSocket version 12":     {version12, c.AcceptWebSocket},
		"WebSocket without a key":  {noKey, c.AcceptWebSocket},
		"WebSocket without hijack": {upgradeRequest(), c.AcceptWebSocket},
		"SSE without hijack":       {upgradeRequest(), c.AcceptSSE},
	} {
		if err := tc.accept(httptest.NewRecorder(), tc.request, cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if got := c.Len(); got != 0 {
			t.Errorf("%s: %d clients", name, got)
		}
	}
}

func TestClientThatVanishesBeforeItJoinsDisconnectsOnce(t *testing.T) {
	for _, format := range []fanout.Format{fanout.Plain, fanout.Acked, fanout.SSE} {
		inBubble(t, fanout.Options{}, func(t *testing.T, b *bubble) {
			conn := b.connect(t, fanout.ClientConfig{Format: format, Welcome: "welcome"})
			conn.Close()
			b.run()
			if got := <-b.disconnects; got.EndedBy != fanout.ConnectionLost {
				t.Errorf("got %+v", got)
			}
			b.stop()
			expectNoMoreDisconnects(t, b)
		})
	}
}

func TestClientThatClosesBeforeItJoinsIsAnswered(t *testing.T) {
	inBubble(t, fanout.Options{}, func(t *testing.T, b *bubble) {
		conn := b.connect(t, fanout.ClientConfig{})
		b.run()
		go conn.Write([]byte(fanouttest.Masked(closeOp, fanouttest.ClosePayload(1000, "bye"))))
		expectFrames(t, conn, "\x88\x02\x03\xe8")
		got := <-b.disconnects
		want := fanout.Disconnect{Transport: fanout.WebSocketTransport, EndedBy: fanout.EndedByClient}
		want.Reason.Code = 1000
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		b.stop()
	})
}

func TestClientAcceptedAfterTheStopIsCutOff(t *testing.T) {
	inBubble(t, fanout.Options{}, func(t *testing.T, b *bubble) {
		b.log.Append(event(t, 1, 0))
		b.run()
		b.stop()
		b.connect(t, fanout.ClientConfig{Format: fanout.Acked, Position: b.log.Head()})
		got := <-b.disconnects
		want := fanout.Disconnect{
			Transport:     fanout.WebSocketTransport,
			EndedBy:       fanout.EndedByRelay,
			Reason:        fanout.CloseReason{Code: 1006},
			LastDelivered: 1,
		}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		expectNoMoreDisconnects(t, b)
	})
}

// TestEachAcceptedClientDisconnectsOnce accepts clients while Run ends.
func TestEachAcceptedClientDisconnectsOnce(t *testing.T) {
	log := openLog(t, eventlog.Options{})
	for range 50 {
		c := fanout.New(log.Reader, fanout.Options{Logger: discard})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { c.Run(ctx) })
		var disconnects atomic.Int64
		cfg := fanout.ClientConfig{OnDisconnect: func(fanout.Disconnect) { disconnects.Add(1) }}
		const clients = 20
		for range clients {
			all.Go(func() {
				_, theirs := net.Pipe()
				w := pipeResponse{httptest.NewRecorder(), theirs}
				if err := c.AcceptWebSocket(w, upgradeRequest(), cfg); err != nil {
					t.Error(err)
				}
			})
		}
		cancel()
		all.Wait()
		if got := disconnects.Load(); got != clients || c.Len() != 0 {
			t.Fatalf("%d disconnects of %d clients, %d are left", got, clients, c.Len())
		}
	}
}

func expectNoMoreDisconnects(t *testing.T, b *bubble) {
	t.Helper()
	synctest.Wait()
	if len(b.disconnects) > 0 {
		t.Errorf("disconnected again: %+v", <-b.disconnects)
	}
	if got := b.clients.Len(); got != 0 {
		t.Errorf("%d clients are left", got)
	}
}
