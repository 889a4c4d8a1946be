package fanout

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"wpre-relay/relay/budget"
	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/testwait"
	"wpre-relay/schema"
)

// handShard is a shard without a goroutine: the test makes each step.
type handShard struct {
	*shard
	t        *testing.T
	log      *eventlog.Log
	appended uint64
}

// testClient is a client and the other end of its connection.
type testClient struct {
	*client
	peer  net.Conn
	begin uint64 // it gets the events after this number
}

func newHandShard(t *testing.T, logOpts eventlog.Options) *handShard {
	t.Helper()
	log, err := eventlog.Open(t.TempDir(), logOpts)
	if err != nil {
		t.Fatal(err)
	}
	set := New(log.Reader, Options{Shards: 1, Buffers: budget.New(DefaultBuffers)})
	s := &handShard{shard: set.shards[0], t: t, log: log}
	t.Cleanup(func() {
		s.stopping = true
		s.cutOff()
		for !s.stopIfEmpty() {
			s.runPosted()
		}
		s.sender.close()
		s.poller.close()
		s.pollers.Wait()
		set.tasks.Wait()
		log.Close()
	})
	return s
}

// append appends an event, which settled clients do not get yet.
func (s *handShard) append() {
	s.t.Helper()
	s.appended++
	ev, _, err := schema.Decode(fmt.Appendf(nil, `{"timestamp":%d}`, s.appended), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.log.Append(ev)
}

// join adds a client that has everything up to number pos, as part of a herd or not.
func (s *handShard) join(cfg ClientConfig, pos uint64, herd bool) testClient {
	s.t.Helper()
	ours, theirs := newTCPPair(s.t)
	return s.joinBy(ours, theirs, cfg, pos, herd)
}

// joinBy is join with the two ends of a connection.
func (s *handShard) joinBy(ours, theirs net.Conn, cfg ClientConfig, pos uint64, herd bool) testClient {
	s.herd.end = time.Time{}
	if herd {
		s.herd.end = time.Now().Add(time.Hour)
	}
	s.t.Cleanup(func() { theirs.Close() })
	cfg.Position.Seq = pos
	c := newClient(s.set, s.shard, ours, cfg)
	s.set.count.add(cfg.Format, 1)
	s.shard.join(c, nil)
	return testClient{c, theirs, pos}
}

// finish ends the herd, delivers everything and settles all clients.
func (s *handShard) finish() {
	s.herd.end = time.Time{}
	settled := func() bool {
		s.serve()
		s.serveArrivals()
		return len(s.arrivals.clients) == 0
	}
	if !testwait.Until(settled) {
		s.t.Fatalf("%d clients are not settled", len(s.arrivals.clients))
	}
}

// expect reads the client's events up to number upTo.
func (c testClient) expect(t *testing.T, upTo uint64) {
	t.Helper()
	c.peer.SetReadDeadline(time.Now().Add(testwait.Limit))
	r := bufio.NewReader(c.peer)
	for n := c.begin + 1; n <= upTo; n++ {
		want := string(appendTextFrame(nil, fmt.Appendf(nil, `{"timestamp":%d}`, n)))
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	if n := r.Buffered(); n > 0 {
		t.Fatalf("%d bytes after event %d", n, upTo)
	}
}
