package fanout_test

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
)

// The first bytes of frames.
const (
	text, binaryMessage, continuation = 0x81, 0x82, 0x80
	closeOp, pingOp, pongOp           = 0x88, 0x89, 0x8a
	fragment                          = 0x80 // subtracted for a frame that is not the last of its message
)

func TestFramesInOneSegmentWithTheHandshakeAreRead(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	_, r := s.dial(t, fanouttest.Masked(text, "hello")+fanouttest.Masked(pingOp, "hi"))
	expectFrames(t, r, "\x8a\x02hi")
}

func TestMessagesOfClientsAreDropped(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	sender, other := s.connect(t), s.connect(t)
	for range 100 {
		greeting := []byte("Hello from WordPress frontend!")
		if err := sender.Write(t.Context(), websocket.MessageText, greeting); err != nil {
			t.Fatal(err)
		}
	}
	s.append(t, 1, 1, 0)
	expectEvents(t, sender, 1, 1, 0)
	expectEvents(t, other, 1, 1, 0)
}

func TestPeerMessagesReachAllOtherClients(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{PeerMessages: true})
	a, b, c := s.connect(t), s.connect(t), s.connect(t)
	s.append(t, 1, 1, 0)
	for _, conn := range []*websocket.Conn{a, b, c} {
		expectEvents(t, conn, 1, 1, 0) // so all are live
	}
	for _, message := range []string{"hello", "\xff", "grüße"} {
		if err := a.Write(t.Context(), websocket.MessageBinary, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	for _, conn := range []*websocket.Conn{b, c} {
		for _, want := range []string{"Broadcast: hello", "Broadcast: grüße"} {
			if got := readText(t, conn); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	s.append(t, 2, 2, 0)
	expectEvents(t, a, 2, 2, 0)
}

// TestPeerMessageReachesClientsThatTheShardCannotWriteTo has clients whose connections have no descriptor, as under
// TLS.
func TestPeerMessageReachesClientsThatTheShardCannotWriteTo(t *testing.T) {
	inBubble(t, fanout.Options{PeerMessages: true}, func(t *testing.T, b *bubble) {
		b.run()
		sender, other := b.connect(t, fanout.ClientConfig{}), b.connect(t, fanout.ClientConfig{})
		synctest.Wait()
		io.WriteString(sender, fanouttest.Masked(text, "hello"))
		expectFrames(t, other, string(fanouttest.TextFrame([]byte("Broadcast: hello"))))
		b.stop()
	})
}

func TestTooLargeMessageIsClosedWith1009(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	conn := s.connect(t)
	if err := conn.Write(t.Context(), websocket.MessageText, make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	if got := closeStatus(t, conn); got != websocket.StatusMessageTooBig {
		t.Errorf("closed with %v, want 1009", got)
	}
}

// TestTooManyMessagesAreClosedWith1008 sends as much as is allowed in each of three seconds, and then one frame more.
func TestTooManyMessagesAreClosedWith1008(t *testing.T) {
	const frames, size = 50, 10_000 // a second allows 160,000 bytes
	ping := fanouttest.Masked(pingOp, "")
	begin, next := fanouttest.Masked(text-fragment, ""), fanouttest.Masked(continuation-fragment, "")
	big := fanouttest.Masked(binaryMessage, strings.Repeat("x", size))
	for name, tc := range map[string]struct{ first, second, extra string }{
		"pings":           {strings.Repeat(ping, frames), strings.Repeat(ping, frames), ping},
		"empty fragments": {begin + strings.Repeat(next, frames-1), strings.Repeat(next, frames), next},
		"bytes":           {strings.Repeat(big, 15), strings.Repeat(big, 15), big},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, fanout.Options{MessageRate: frames, MaxMessage: size}, func(t *testing.T, b *bubble) {
				b.run()
				conn := b.connect(t, fanout.ClientConfig{})
				received := make(chan []byte)
				go func() {
					all, _ := io.ReadAll(conn)
					received <- all
				}()
				for _, input := range []string{tc.first, tc.second, tc.second + tc.extra} {
					if _, err := io.WriteString(conn, input); err != nil {
						t.Fatalf("closed too early: %v", err)
					}
					time.Sleep(time.Second)
				}
				want := "\x88\x13\x03\xf0" + fanout.CloseTooManyMessages.Text
				if got := <-received; !bytes.HasSuffix(got, []byte(want)) {
					t.Errorf("got %q, want %q at the end", got, want)
				}
				if got := <-b.disconnects; got != disconnected(fanout.EndedByRelay, fanout.CloseTooManyMessages, 0) {
					t.Errorf("got %+v", got)
				}
				b.stop()
			})
		})
	}
}

// TestFloodOfPingsCostsNoMemory sends a million pings and reads no answer. The last ping is answered.
func TestFloodOfPingsCostsNoMemory(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{MessageRate: 1 << 30, MaxMessage: 1 << 20})
	conn, r := s.dial(t, "")
	before := heapFromSystem()
	flood := strings.Repeat(fanouttest.Masked(pingOp, ""), 10_000)
	for range 100 {
		if _, err := io.WriteString(conn, flood); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(conn, fanouttest.Masked(pingOp, "last"))
	for pong := make([]byte, 2); pong[1] != 4; {
		if _, err := io.ReadFull(r, pong); err != nil || pong[0] != pongOp {
			t.Fatalf("got % x, %v, want a pong", pong, err)
		}
	}
	if grown := int64(heapFromSystem() - before); grown > 32<<20 { // an answer to each would be 70 MB
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
}

// heapFromSystem returns the largest size that the heap has had, in bytes.
func heapFromSystem() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapSys
}
