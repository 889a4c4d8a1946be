package fanout

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// TestBegunEventIsNotDelivered has a client whose socket takes a part of the second event. If the connection ends then,
// the client has the first one only, even if its kernel has acknowledged all bytes.
func TestBegunEventIsNotDelivered(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	log, err := eventlog.Open(t.TempDir(), eventlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	ours, theirs := newTCPPair(t)
	defer theirs.Close()
	ours.(*net.TCPConn).SetWriteBuffer(4 << 10)
	theirs.(*net.TCPConn).SetReadBuffer(4 << 10)
	s := New(log.Reader, Options{Shards: 1, Logger: quiet}).shards[0]
	c := newClient(s.set, s, ours, ClientConfig{Format: Acked})
	c.inputClosed = true
	s.join(c, nil)

	const more = 1 << 20 // bytes, than the kernel's buffers take
	log.Append(schema.Event{Document: []byte(`{"timestamp":1}`)})
	log.Append(schema.Event{Document: make([]byte, more)})
	s.deliverAll()
	if got := c.acks.lastDelivered(false, true, time.Now()); got != 1 || c.progress.Load() != 2 {
		t.Errorf("%d delivered, %d begun, want 1 and 2", got, c.progress.Load())
	}

	theirs.Close()
	s.set.tasks.Wait()
	s.runPosted()
}
