package amqplog_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/testwait"
)

func (r rabbitTest) testConcurrentJoins(t *testing.T) {
	const n = 8
	infos := make(chan sharedlog.StreamInfo, n)
	var joining sync.WaitGroup
	for range n {
		engine := open(t, r.server.Address, "joined")
		joining.Go(func() { infos <- retry(t, engine.Join) })
	}
	joining.Wait()
	close(infos)
	epochs, ends := map[string]bool{}, map[uint64]bool{}
	for info := range infos {
		epochs[info.Epoch], ends[info.Last] = true, true
	}
	if len(epochs) != 1 || len(ends) != n {
		t.Errorf("%d Joins at once return epochs %v and ends %v, want one epoch and %d ends", n, epochs, ends, n)
	}
}

// testEpochSurvivesRetention uses a stream that an operator has created with smaller segments.
func (r rabbitTest) testEpochSurvivesRetention(t *testing.T) {
	withChannel(t, r.server.Address, func(channel *amqp.Channel) error {
		_, err := channel.QueueDeclare("short", true, false, false, false, amqp.Table{
			"x-queue-type":                    "stream",
			"x-max-length-bytes":              int64(20_000),
			"x-stream-max-segment-size-bytes": int64(5_000),
		})
		return err
	})
	engine := open(t, r.server.Address, "short")
	first := join(t, engine)
	now := first
	for now.First == 1 {
		appendAll(t, engine, strings.Repeat("x", 200), 100)
		now = join(t, open(t, r.server.Address, "short"))
	}
	if now.Epoch != first.Epoch || now.First > now.Last {
		t.Errorf("Join after the deletion returns %+v, and %+v before", now, first)
	}
	enough := errors.New("enough")
	err := engine.Read(testwait.Context(t), first.Last, func(got []sharedlog.Entry) error {
		if got[0].Seq < now.First {
			t.Errorf("first entry read = %d, want at least %d", got[0].Seq, now.First)
		}
		return enough
	})
	if err != enough {
		t.Errorf("Read returns %v", err)
	}
}

// testLateEntry appends with the epoch of a stream that was replaced without the engine's notice.
func (r rabbitTest) testLateEntry(t *testing.T) {
	late := open(t, r.server.Address, "replaced")
	before := join(t, late)
	withChannel(t, r.server.Address, func(channel *amqp.Channel) error {
		_, err := channel.QueueDelete("replaced", false, false, false)
		if err == nil {
			stream := amqp.Table{"x-queue-type": "stream"}
			_, err = channel.QueueDeclare("replaced", true, false, false, false, stream)
		}
		return err
	})
	appendAll(t, late, "a", 3)
	now, same := join(t, open(t, r.server.Address, "replaced")), join(t, late)
	if now.Epoch == before.Epoch || now.Epoch != same.Epoch || now.First != 1 || now.Last != 4 {
		t.Errorf("Join of the new stream returns %+v, then %+v, and %+v before", now, same, before)
	}
}

func (r rabbitTest) testClassicQueue(t *testing.T) {
	withChannel(t, r.server.Address, func(channel *amqp.Channel) error {
		_, err := channel.QueueDeclare("classic", true, false, false, false, nil)
		return err
	})
	if info, err := open(t, r.server.Address, "classic").Join(testwait.Context(t)); err == nil {
		t.Errorf("Join of a classic queue returns %+v, want an error", info)
	}
	withChannel(t, r.server.Address, func(channel *amqp.Channel) error {
		queue, err := channel.QueueDeclarePassive("classic", true, false, false, false, nil)
		if queue.Messages != 0 {
			t.Errorf("the queue contains %d messages, want 0", queue.Messages)
		}
		return err
	})
}
