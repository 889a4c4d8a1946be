package fanout_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
)

func TestClientThatDoesNotAnswerPingsIsCutOff(t *testing.T) {
	inBubble(t, fanout.Options{PingInterval: 10 * time.Second}, func(t *testing.T, b *bubble) {
		b.run()
		conn, start := b.connect(t, fanout.ClientConfig{}), time.Now()
		expectFrames(t, conn, "\x89\x00")
		io.WriteString(conn, fanouttest.Masked(pongOp, ""))
		expectFrames(t, conn, "\x89\x00")
		if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil {
			t.Errorf("got % x, %v, want the end", rest, err)
		}
		if got := <-b.disconnects; got.EndedBy != fanout.ConnectionLost || got.CodeLabel() != "1006" {
			t.Errorf("got %+v", got)
		}
		if got := time.Since(start); got <= 20*time.Second || got > 30*time.Second {
			t.Errorf("cut off after %v, want one interval after the second ping", got)
		}
		b.stop()
	})
}

func TestSSEStreamGetsComments(t *testing.T) {
	inBubble(t, fanout.Options{PingInterval: 10 * time.Second}, func(t *testing.T, b *bubble) {
		b.run()
		start := time.Now()
		lines := bufio.NewReader(b.connect(t, fanout.ClientConfig{Format: fanout.SSE}))
		for comments := 0; comments < 3; { // more intervals than a WebSocket client may be silent
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("after %d comments: %v", comments, err)
			}
			if line == ":\n" {
				comments++
			}
		}
		if got := time.Since(start); got <= 20*time.Second || got > 30*time.Second {
			t.Errorf("3 comments took %v, want one per interval", got)
		}
		b.stop()
	})
}

// TestExpiredStreamEndsWithItsReason lets a token expire on an SSE stream.
func TestExpiredStreamEndsWithItsReason(t *testing.T) {
	inBubble(t, fanout.Options{}, func(t *testing.T, b *bubble) {
		b.run()
		conn := b.connect(t, fanout.ClientConfig{Format: fanout.SSE, Expires: time.Now().Add(time.Minute)})
		all, err := io.ReadAll(conn)
		const want = "event: closed\ndata: {\"code\":1008,\"reason\":\"token expired\"}\n\n"
		if err != nil || !strings.HasSuffix(string(all), "\n\n"+want) {
			t.Errorf("the stream ends with %q, %v", all, err)
		}
		b.stop()
	})
}

func TestExpiredClientIsClosedWith1008(t *testing.T) {
	inBubble(t, fanout.Options{PingInterval: 2 * time.Hour}, func(t *testing.T, b *bubble) {
		b.run()
		expires := time.Now().Add(time.Hour)
		conn := b.connect(t, fanout.ClientConfig{Expires: expires})
		expectFrames(t, conn, "\x88\x0f\x03\xf0token expired")
		if late := time.Since(expires); late < 0 || late > time.Second {
			t.Errorf("closed %v after the time, want at most 1 s", late)
		}
		if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil {
			t.Errorf("got % x, %v, want the end", rest, err)
		}
		got := <-b.disconnects
		if got.EndedBy != fanout.EndedByRelay || got.Reason != fanout.CloseExpired {
			t.Errorf("got %+v", got)
		}
		b.stop()
	})
}
