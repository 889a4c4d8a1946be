package fanout

import (
	"bytes"
	"slices"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// TestShardIsWokenForWhatADeliveryLeaves makes deliveries that leave events: while another goroutine serves the
// clients, and of more than one write.
func TestShardIsWokenForWhatADeliveryLeaves(t *testing.T) {
	for name, deliver := range map[string]func(s *handShard){
		"nothing": func(s *handShard) {
			s.log.AppendAndDeliver(schema.Event{Document: []byte("{}")}, s.set.Deliver)
		},
		"an event, since the clients are being served": func(s *handShard) {
			s.owner.Lock()
			defer s.owner.Unlock()
			s.log.AppendAndDeliver(schema.Event{Document: []byte("{}")}, s.set.Deliver)
		},
		"the second of two large events": func(s *handShard) {
			large := schema.Event{Document: bytes.Repeat([]byte("x"), batchBytes*3/4)}
			s.log.Append(slices.Repeat([]schema.Event{large}, 2)...)
			<-s.wake
			s.deliverNow()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHandShard(t, eventlog.Options{})
			s.join(ClientConfig{}, 0, false)
			deliver(s)
			woken := len(s.wake) > 0
			if left := s.pos < s.log.Head().Seq; woken != left || left != (name != "nothing") {
				t.Errorf("events are left: %t, the shard is woken: %t", left, woken)
			}
		})
	}
}
