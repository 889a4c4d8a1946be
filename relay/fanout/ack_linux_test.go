package fanout_test

import (
	"fmt"
	"io"
	"net"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
	"wpre-relay/relay/testwait"
)

// TestLostConnectionDeliveredWhatTheKernelAcknowledged ends connections of a client that answers no ping. It repeats
// the first one, because what the kernel acknowledged counts for 2 s only, and a busy machine may take longer.
func TestLostConnectionDeliveredWhatTheKernelAcknowledged(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	s.configure = func(cfg *fanout.ClientConfig) { cfg.Format = fanout.Acked }
	n := 0
	lose := func(ping string, linger int) fanout.Disconnect {
		conn, r := s.dial(t, "")
		n++
		s.append(t, n, n, 0)
		io.ReadFull(r, make([]byte, len(fanouttest.TextFrame(event(t, n, 0).Document))+len(ping)))
		conn.(*net.TCPConn).SetLinger(linger)
		conn.Close()
		return <-s.disconnects
	}
	var got fanout.Disconnect
	allRead := func() bool {
		got = lose(fmt.Sprintf("\x89\x01%d", n+1), -1)
		return got.EndedBy == fanout.ConnectionLost && got.LastDelivered == uint64(n)
	}
	if !testwait.Until(allRead) {
		t.Errorf("everything read: got %+v, want %d delivered", got, n)
	}
	const reset = 0
	if got := lose("", reset); got.EndedBy != fanout.ConnectionLost || got.LastDelivered != uint64(n-1) {
		t.Errorf("reset: got %+v, want %d delivered", got, n-1)
	}
}
