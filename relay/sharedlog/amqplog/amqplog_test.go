package amqplog_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/amqplog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/testwait"
)

// rabbitTest is a server that all tests share, because RabbitMQ takes several seconds to start.
type rabbitTest struct{ server *enginetest.Server }

func TestRabbitMQ(t *testing.T) {
	const maxMessageSize = "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-rabbit max_message_size 2000000"
	r := rabbitTest{enginetest.RabbitMQ(t, maxMessageSize)}
	t.Run("without a restart", r.testWithoutRestart)
	t.Run("confirmed entries survive a kill", r.testKill) // last, because it restarts the server
}

// testWithoutRestart runs the tests that do not restart the server. Each has its own stream.
func (r rabbitTest) testWithoutRestart(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"conformance": r.testConformance,
		"concurrent Joins of a new stream find one epoch":                r.testConcurrentJoins,
		"epoch survives deletion of the first entries":                   r.testEpochSurvivesRetention,
		"deleted stream ends Read":                                       r.testDeletedStream,
		"entry with an old epoch does not set the epoch of a new stream": r.testLateEntry,
		"each part can vanish alone":                                     r.testLosses,
		"classic queue is not changed":                                   r.testClassicQueue,
		"too large entry is rejected permanently":                        r.testTooLargeEntry,
		"silent network ends Read and Append":                            r.testSilentNetwork,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func (r rabbitTest) testConformance(t *testing.T) {
	enginetest.Test(t, func() (sharedlog.Engine, error) {
		at := &url.URL{Scheme: "amqp", Host: r.server.Address, RawQuery: "replicas=1"}
		return amqplog.Open(at, "any", 10_000)
	}, false)
}

func (r rabbitTest) testDeletedStream(t *testing.T) {
	engine := open(t, r.server.Address, "deleted")
	before := join(t, engine)
	texts := appendAll(t, engine, "a", 3)
	reading := startRead(t, engine, before.Last)
	reading.want(t, texts)
	withChannel(t, r.server.Address, func(channel *amqp.Channel) error {
		_, err := channel.QueueDelete("deleted", false, false, false)
		return err
	})
	reading.wait(t)
	if err := engine.Append(testwait.Context(t), "lost", []byte("lost")); err == nil {
		t.Error("Append without a stream returns nil")
	}
	startRead(t, engine, before.Last).wait(t) // there is no stream
	now := join(t, engine)
	if now.Epoch == before.Epoch || now.First != 1 || now.Last != 1 {
		t.Errorf("Join of the new stream returns %+v, and %+v before", now, before)
	}
	startRead(t, engine, 1000).wait(t) // the new stream is shorter
	reading = startRead(t, engine, now.Last)
	reading.want(t, appendAll(t, engine, "b", 3))
}

func (r rabbitTest) testTooLargeEntry(t *testing.T) {
	engine := open(t, r.server.Address, "large")
	before := join(t, engine)
	err := engine.Append(testwait.Context(t), "large", make([]byte, 2_000_001))
	if !errors.Is(err, sharedlog.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, sharedlog.ErrTooLarge)
	}
	reading := startRead(t, engine, before.Last)
	reading.want(t, appendAll(t, engine, "a", 3))
}

func (r rabbitTest) testSilentNetwork(t *testing.T) {
	proxy := enginetest.StartProxy(t, r.server.Address)
	engine := open(t, proxy.Address, "silent")
	reading := startRead(t, engine, join(t, engine).Last)
	reading.want(t, appendAll(t, engine, "a", 3))
	proxy.SetSilent(true)
	if err := engine.Append(testwait.Context(t), "b", []byte("b")); err == nil {
		t.Error("Append without a confirmation returns nil")
	}
	reading.wait(t)
}

func (r rabbitTest) testKill(t *testing.T) {
	engine := open(t, r.server.Address, "killed")
	before := join(t, engine)
	texts := appendAll(t, engine, "a", 100)
	reading := startRead(t, engine, before.Last)
	reading.want(t, texts)
	r.server.Kill()
	reading.wait(t)
	if err := engine.Append(testwait.Context(t), "b", []byte("b")); err == nil {
		t.Error("Append without a server returns nil")
	}
	r.server.Start()
	now := retry(t, engine.Join)
	if now.Epoch != before.Epoch || now.First != before.First || now.Last < before.Last+uint64(len(texts)) {
		t.Errorf("Join after a restart returns %+v, and %+v before %d entries", now, before, len(texts))
	}
	retry(t, func(ctx context.Context) (any, error) { return nil, engine.Append(ctx, "c", []byte("c")) })
	startRead(t, engine, before.Last).want(t, append(texts, "c"))
}

func TestUnresponsiveServerDoesNotBlock(t *testing.T) {
	enginetest.TestUnresponsiveServer(t, func(address string) (sharedlog.Engine, error) {
		return amqplog.Open(&url.URL{Scheme: "amqp", Host: address}, "silent", 10_000)
	})
}

func TestOpenRejectsInvalidAddresses(t *testing.T) {
	for _, text := range []string{"http://localhost", "amqp://localhost:port", "amqp://localhost?heartbeat=often",
		"amqp://one,two", "amqp://localhost?unknown=3",
		"amqp://localhost?replicas=0"} {
		address, err := url.Parse(text)
		if err == nil {
			_, err = amqplog.Open(address, "any", 10_000)
		}
		if err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func BenchmarkAppendToRead(b *testing.B) {
	address := enginetest.RabbitMQ(b).Address
	enginetest.Benchmark(b, open(b, address, "bench"), open(b, address, "bench"))
}
