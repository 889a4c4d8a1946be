package fanout

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"wpre-relay/relay/eventlog"
)

// postPipe posts the join of a client on a pipe, which its shard does not read.
func (s *handShard) postPipe() {
	s.t.Helper()
	ours, theirs := net.Pipe()
	s.t.Cleanup(func() { theirs.Close() })
	s.set.count.add(Plain, 1)
	if !s.postJoin(newClient(s.set, s.shard, ours, ClientConfig{}), nil) {
		s.t.Fatal("the shard has stopped")
	}
}

// woken reports whether the shard is woken, and takes the token.
func (s *handShard) woken() bool {
	synctest.Wait()
	select {
	case <-s.wake:
		return true
	default:
		return false
	}
}

// TestClientsOfAHerdJoinTogether lets clients join before, in and after a herd, in virtual time.
func TestClientsOfAHerdJoinTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHandShard(t, eventlog.Options{})
		for n := range defaultHerdJoins {
			if s.postPipe(); !s.woken() {
				t.Fatalf("join %d waits without a herd", n+1)
			}
			s.runPosted()
		}
		for range 3 {
			if s.postPipe(); s.woken() {
				t.Fatal("a client of a herd joins alone")
			}
		}
		if time.Sleep(joinPause); !s.woken() {
			t.Fatalf("the clients do not join after %v", joinPause)
		}
		if s.runPosted(); len(s.members) != defaultHerdJoins+3 {
			t.Errorf("%d clients have joined, want %d", len(s.members), defaultHerdJoins+3)
		}
		time.Sleep(2 * herdQuiet)
		s.postPipe() // the shard notices the end of the herd when this one joins
		s.runPosted()
		if s.postPipe(); !s.woken() {
			t.Error("a client waits after the herd")
		}
	})
}

// TestPostWakesTheShardWhileClientsWait posts something else while a client of a herd waits.
func TestPostWakesTheShardWhileClientsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newHandShard(t, eventlog.Options{})
		s.inHerd.Store(true)
		s.postPipe()
		joined := 0
		if s.post(func() { joined = len(s.members) }); !s.woken() {
			t.Error("the shard is not woken")
		}
		if s.runPosted(); joined != 1 {
			t.Errorf("%d clients have joined before, want 1", joined)
		}
	})
}
