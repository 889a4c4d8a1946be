package fanout_test

import (
	"io"
	"net"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/fanout/fanouttest"
)

// TestLostConnectionDeliveredWhatTheKernelAcknowledged ends connections of a client that answers no ping.
func TestLostConnectionDeliveredWhatTheKernelAcknowledged(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	s.configure = func(cfg *fanout.ClientConfig) { cfg.Format = fanout.Acked }
	frame := len(fanouttest.TextFrame(event(t, 1, 0).Document))

	conn, r := s.dial(t, "")
	s.append(t, 1, 1, 0)
	io.ReadFull(r, make([]byte, frame+len("\x89\x011"))) // with the ping
	conn.Close()
	if got := <-s.disconnects; got.EndedBy != fanout.ConnectionLost || got.LastDelivered != 1 {
		t.Errorf("everything read: got %+v, want 1 delivered", got)
	}

	conn, r = s.dial(t, "")
	s.append(t, 2, 2, 0)
	io.ReadFull(r, make([]byte, frame))
	conn.(*net.TCPConn).SetLinger(0) // resets the connection
	conn.Close()
	if got := <-s.disconnects; got.EndedBy != fanout.ConnectionLost || got.LastDelivered != 1 {
		t.Errorf("reset: got %+v, want 1 delivered", got)
	}
}
