package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"wpre-relay/relay/sharedlog"
)

const (
	// heartbeat is the interval at which the server must show that it is alive. Two missing heartbeats end Read,
	// three close the connection.
	heartbeat = time.Second

	// consumerTTL is when the server deletes the consumer of a reader that has gone.
	consumerTTL = 30 * time.Second

	// prefetch bounds the number of messages that the client library buffers.
	prefetch = 256
)

// Read implements sharedlog.Engine. It returns at once if the connection is lost, and after three seconds if the
// server stops responding. The error wraps ErrStreamReset if the stream is not the one that Join found, or ends
// before after.
func (e *Engine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	js, err := e.connection(ctx)
	if err != nil {
		return err
	}
	messages, err := e.consume(ctx, js, after)
	if err != nil {
		return e.readError(ctx, js, after, err)
	}
	defer messages.Stop()
	for n := uint64(1); ; n++ {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return e.readError(ctx, js, after, err)
		}
		at, err := msg.Metadata()
		if err != nil {
			return e.wrap("read", js, err)
		}
		if at.Sequence.Consumer != n {
			return e.wrap("read", js, fmt.Errorf("got message %d, want %d", at.Sequence.Consumer, n))
		}
		entry := sharedlog.Entry{
			Seq:  at.Sequence.Stream,
			ID:   msg.Headers().Get(jetstream.MsgIDHeader),
			Text: msg.Data(),
		}
		if err := take([]sharedlog.Entry{entry}); err != nil {
			return err
		}
		after = entry.Seq
	}
}

// consume returns the messages after a sequence number. It does not use an ordered consumer of the library, because
// that continues by itself in another stream of the same name.
func (e *Engine) consume(ctx context.Context, js jetstream.JetStream, after uint64) (jetstream.MessagesContext, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	consumer, err := js.CreateConsumer(ctx, e.config.Name, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       after + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: consumerTTL,
		Replicas:          1,
		MemoryStorage:     true,
	})
	if err != nil {
		return nil, err
	}
	// The check must follow CreateConsumer: from here on, the consumer belongs to the checked stream or is deleted
	// with it.
	if err := e.checkStream(ctx, js, after); err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessages(prefetch), jetstream.PullHeartbeat(heartbeat))
}

// checkStream returns ErrStreamReset if the stream is not the one that Join found, or ends before sequence number
// upTo.
func (e *Engine) checkStream(ctx context.Context, js jetstream.JetStream, upTo uint64) error {
	stream, err := js.Stream(ctx, e.config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("%w: stream %s does not exist", sharedlog.ErrStreamReset, e.config.Name)
	}
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	now := info.Created.UnixNano()
	e.created.CompareAndSwap(0, now)
	if created := e.created.Load(); now != created {
		return fmt.Errorf("%w: its epoch changed from %s to %s", sharedlog.ErrStreamReset, epoch(created), epoch(now))
	}
	if last := info.State.LastSeq; last < upTo {
		return fmt.Errorf("%w: it ends at %d and contained %d before", sharedlog.ErrStreamReset, last, upTo)
	}
	return nil
}

// readError returns ctx's error if ctx has ended, ErrStreamReset if the stream was reset, and otherwise err.
func (e *Engine) readError(ctx context.Context, js jetstream.JetStream, after uint64, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	if reset := e.checkStream(ctx, js, after); errors.Is(reset, sharedlog.ErrStreamReset) {
		return reset
	}
	return e.wrap("read", js, err)
}
