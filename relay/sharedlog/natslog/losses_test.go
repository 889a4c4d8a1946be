package natslog_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/natslog"
	"wpre-relay/relay/testwait"
)

// change is a change of a stream by another program.
type change func(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream) error

// recoverable are losses that relays recover from by themselves.
var recoverable = map[string]change{
	"stream":              deleteStream,
	"stream replaced":     replaceStream,
	"consumers":           deleteConsumers,
	"all entries":         func(c context.Context, _ jetstream.JetStream, s jetstream.Stream) error { return s.Purge(c) },
	"all entries but one": configure(func(c *jetstream.StreamConfig) { c.MaxMsgs = 1 }),
	"oldest entry":        deleteEntry(1),
	"middle entry":        deleteEntry(2),
	"newest entry":        deleteEntry(3),
}

// permanent are losses that an operator must repair. The relay names the problem.
var permanent = map[string]struct {
	lose    change
	problem string
	repair  change
}{
	"subject": {
		configure(func(c *jetstream.StreamConfig) { c.Subjects = []string{"other.*"} }),
		"must have the subject subject.events",
		configure(func(c *jetstream.StreamConfig) { c.Subjects = []string{"subject.events"} }),
	},
	"space": {
		configure(func(c *jetstream.StreamConfig) { c.MaxBytes, c.Discard = 1, jetstream.DiscardNew }),
		"maximum bytes exceeded",
		configure(func(c *jetstream.StreamConfig) { c.MaxBytes = -1 }),
	},
}

func deleteStream(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream) error {
	return js.DeleteStream(ctx, stream.CachedInfo().Config.Name)
}

func replaceStream(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream) error {
	if err := deleteStream(ctx, js, stream); err != nil {
		return err
	}
	_, err := js.CreateStream(ctx, stream.CachedInfo().Config)
	return err
}

func deleteConsumers(ctx context.Context, _ jetstream.JetStream, stream jetstream.Stream) error {
	names := stream.ConsumerNames(ctx)
	for name := range names.Name() {
		if err := stream.DeleteConsumer(ctx, name); err != nil {
			return err
		}
	}
	return names.Err()
}

func deleteEntry(seq uint64) change {
	return func(ctx context.Context, _ jetstream.JetStream, stream jetstream.Stream) error {
		return stream.DeleteMsg(ctx, seq)
	}
}

// configure changes the configuration of a stream.
func configure(edit func(*jetstream.StreamConfig)) change {
	return func(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream) error {
		config := stream.CachedInfo().Config
		edit(&config)
		_, err := js.UpdateStream(ctx, config)
		return err
	}
}

func TestEachPartCanVanishAlone(t *testing.T) {
	t.Parallel()
	server := enginetest.NATS(t)
	admin := newAdmin(t, server.Address)
	do := func(c change) func(*testing.T, string) {
		return func(t *testing.T, name string) {
			ctx := testwait.Context(t)
			stream, err := admin.Stream(ctx, name)
			if err == nil {
				err = c(ctx, admin, stream)
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	losses := make(map[string]enginetest.Loss)
	for name, c := range recoverable {
		losses[name] = enginetest.Loss{Lose: do(c)}
	}
	for name, p := range permanent {
		losses[name] = enginetest.Loss{Lose: do(p.lose), Problem: p.problem, Repair: do(p.repair)}
	}
	enginetest.TestLosses(t, opener(server), true, losses)
}

func opener(server *enginetest.Server) func(string) (sharedlog.Engine, error) {
	return func(stream string) (sharedlog.Engine, error) {
		return natslog.Open(&url.URL{Scheme: "nats", Host: server.Address}, stream, 10_000)
	}
}

// TestFailoverToOlderDataBecomesGap restarts the server with older data, and with none.
func TestFailoverToOlderDataBecomesGap(t *testing.T) {
	t.Parallel()
	server := enginetest.NATS(t)
	enginetest.TestLosses(t, opener(server), false, enginetest.Failovers(server))
}
