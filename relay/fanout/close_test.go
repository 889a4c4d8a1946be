package fanout_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/relay/testwait"
)

// closeNormal is a client's close frame with code 1000, and closeAnswer is the relay's answer.
var (
	closeNormal = fanouttest.Masked(closeOp, fanouttest.ClosePayload(1000, ""))
	closeAnswer = "\x88\x02\x03\xe8"
)

// disconnected returns the end of a WebSocket client.
func disconnected(by fanout.EndedBy, reason fanout.CloseReason, lastDelivered uint64) fanout.Disconnect {
	return fanout.Disconnect{
		Transport:     fanout.WebSocketTransport,
		EndedBy:       by,
		Reason:        reason,
		LastDelivered: lastDelivered,
	}
}

// TestLaggingClientGetsPongAndCloseAnswer has a client that pings and closes while its socket is full.
func TestLaggingClientGetsPongAndCloseAnswer(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	conn, r := s.dial(t, "")
	s.append(t, 1, bigEvents, bigPadding)
	io.WriteString(conn, fanouttest.Masked(pingOp, "first")+fanouttest.Masked(pingOp, "last")+closeNormal)
	all, err := io.ReadAll(r)
	if err != nil || !strings.HasSuffix(string(all), closeAnswer) {
		t.Errorf("got %v, the last bytes % x, want % x", err, all[max(0, len(all)-4):], closeAnswer)
	}
	want := disconnected(fanout.EndedByClient, fanout.CloseReason{Code: 1000}, 0)
	if got := <-s.disconnects; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCloseDuringCatchUpIsAnsweredAfterTheCurrentBatch(t *testing.T) {
	inBubble(t, fanout.Options{}, func(t *testing.T, b *bubble) {
		const events, padding = 20, 10_000 // more than one batch
		for n := 1; n <= events; n++ {
			b.log.Append(event(t, n, padding))
		}
		b.run()
		start := b.log.Head()
		start.Seq = 0
		conn := b.connect(t, fanout.ClientConfig{Format: fanout.Acked, Position: start})
		synctest.Wait() // the first batch waits for the client to read
		io.WriteString(conn, closeNormal)
		synctest.Wait()
		all, err := io.ReadAll(conn)
		if err != nil || !strings.HasSuffix(string(all), closeAnswer) || len(all) > 2*64<<10 {
			t.Errorf("got %d bytes, %v, want one batch and % x", len(all), err, closeAnswer)
		}
		want := disconnected(fanout.EndedByClient, fanout.CloseReason{Code: 1000}, 0)
		if got := <-b.disconnects; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		b.stop()
	})
}

// TestCrossingClosesCountAsTheRelays has a client that sends a close frame before it reads the relay's.
func TestCrossingClosesCountAsTheRelays(t *testing.T) {
	inBubble(t, fanout.Options{}, func(t *testing.T, b *bubble) {
		b.run()
		conn := b.connect(t, fanout.ClientConfig{Format: fanout.Acked})
		synctest.Wait()
		drained := make(chan struct{})
		go func() { defer close(drained); b.clients.Drain(fanout.CloseRestart, 0) }()
		time.Sleep(time.Second) // in which the relay begins to write its close frame
		start := time.Now()
		b.log.Append(event(t, 1, 0))
		io.WriteString(conn, closeNormal)
		synctest.Wait()
		expectFrames(t, conn, "\x88\x14\x03\xf4"+fanout.CloseRestart.Text)
		<-drained
		want := disconnected(fanout.EndedByRelay, fanout.CloseRestart, 0)
		if got := <-b.disconnects; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("the connection ended %v after the client had read the close frame", got)
		}
		b.stop()
	})
}

func TestDrainClosesClientsWith1012(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	const clients = 50
	conns := make([]*websocket.Conn, clients)
	for i := range conns {
		conns[i] = s.connect(t)
	}
	s.append(t, 1, 1, 0)
	statuses := make(chan websocket.StatusCode, clients)
	for _, conn := range conns {
		go func() { statuses <- closeStatus(t, conn) }()
	}
	s.clients.Drain(fanout.CloseRestart, 20*time.Millisecond)
	if got := s.clients.Len(); got != 0 {
		t.Errorf("%d clients are left", got)
	}
	want := disconnected(fanout.EndedByRelay, fanout.CloseRestart, 0)
	for range clients {
		if got := <-statuses; got != websocket.StatusServiceRestart {
			t.Errorf("closed with %v, want 1012", got)
		}
		if got := <-s.disconnects; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestDrainClosesLaggingClientAfterItsEvents(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	slow := s.connect(t)
	s.append(t, 1, bigEvents, bigPadding)
	drained := make(chan struct{})
	go func() { defer close(drained); s.clients.Drain(fanout.CloseStop, testwait.Limit) }()
	expectEvents(t, slow, 1, bigEvents, bigPadding)
	if got := closeStatus(t, slow); got != websocket.StatusGoingAway {
		t.Errorf("closed with %v, want 1001", got)
	}
	<-drained
}

func TestDrainReturnsWhenTheLastClientLeaves(t *testing.T) {
	inBubble(t, fanout.Options{}, func(t *testing.T, b *bubble) {
		b.run()
		start := time.Now()
		b.clients.Drain(fanout.CloseStop, time.Minute)
		if got := time.Since(start); got != 0 {
			t.Errorf("it took %v without clients", got)
		}
		first, last := b.connect(t, fanout.ClientConfig{}), b.connect(t, fanout.ClientConfig{})
		const answer = time.Second + 1234*time.Microsecond
		go func() {
			io.ReadFull(first, make([]byte, 19))
			io.WriteString(first, closeNormal)
			io.ReadFull(last, make([]byte, 19))
			time.Sleep(answer)
			io.WriteString(last, closeNormal)
		}()
		start = time.Now()
		b.clients.Drain(fanout.CloseStop, 0)
		if got := time.Since(start); got < answer || got > answer+2*time.Millisecond {
			t.Errorf("it took %v, want %v", got, answer)
		}
		b.stop()
	})
}

// TestDrainClosesClientThatJoinsMeanwhile has a client that joins a shard without clients.
func TestDrainClosesClientThatJoinsMeanwhile(t *testing.T) {
	inBubble(t, fanout.Options{Shards: 2}, func(t *testing.T, b *bubble) {
		b.run()
		first := b.connect(t, fanout.ClientConfig{})
		drained := make(chan struct{})
		go func() { defer close(drained); b.clients.Drain(fanout.CloseRestart, 0) }()
		synctest.Wait()
		second := b.connect(t, fanout.ClientConfig{})
		for _, conn := range []net.Conn{first, second} {
			expectFrames(t, conn, "\x88\x14\x03\xf4"+fanout.CloseRestart.Text)
			io.WriteString(conn, closeNormal)
		}
		<-drained
		for range 2 {
			if got := <-b.disconnects; got != disconnected(fanout.EndedByRelay, fanout.CloseRestart, 0) {
				t.Errorf("got %+v", got)
			}
		}
		b.stop()
	})
}

// TestDrainCutsOffClientsThatDoNotAnswer has clients that read nothing. All have left when Drain returns, so that the
// caller can save where they were.
func TestDrainCutsOffClientsThatDoNotAnswer(t *testing.T) {
	inBubble(t, fanout.Options{Shards: 2}, func(t *testing.T, b *bubble) {
		b.run()
		conns := make([]net.Conn, 50)
		for i := range conns {
			conns[i] = b.connect(t, fanout.ClientConfig{})
		}
		start := time.Now()
		b.clients.Drain(fanout.CloseStop, time.Second)
		if left, reported := b.clients.Len(), len(b.disconnects); left != 0 || reported != len(conns) {
			t.Errorf("%d clients are left, %d of %d are reported", left, reported, len(conns))
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("it took %v, want 3 s", got)
		}
		for _, conn := range conns {
			if got := <-b.disconnects; got != disconnected(fanout.EndedByRelay, fanout.CloseStop, 0) {
				t.Errorf("got %+v", got)
			}
			conn.Close()
		}
		b.stop()
	})
}
