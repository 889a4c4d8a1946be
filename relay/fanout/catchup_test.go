package fanout

import (
	"fmt"
	"net"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// countingView counts the records that clients need.
type countingView struct{ records int }

func (v *countingView) Sees(*eventlog.Record) bool { v.records++; return true }

// TestEndedClientReadsNoLog ends a client that is far behind while another one holds the slot of the limiter. The rest
// of its catch-up must take no time: after a flood, hundreds of such clients may wait for the slot before the others.
func TestEndedClientReadsNoLog(t *testing.T) {
	log, err := eventlog.Open(t.TempDir(), eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for n := range 2 * farBehind {
		ev, _, err := schema.Decode(fmt.Appendf(nil, `{"timestamp":%d}`, n), 0)
		if err != nil {
			t.Fatal(err)
		}
		log.Append(ev)
	}
	set := New(log.Reader, Options{Shards: 1})
	view := &countingView{}
	relay, peer := net.Pipe()
	defer peer.Close()
	c := newClient(set, set.shards[0], relay, ClientConfig{Format: Plain, View: view})
	slot := set.limiter.acquire()
	done := make(chan struct{})
	go func() { c.catchUp(); close(done) }()
	c.end(errClosedByClient)
	set.limiter.release(slot)
	<-done
	if view.records != 0 {
		t.Errorf("the catch-up of an ended client read %d records", view.records)
	}
}
