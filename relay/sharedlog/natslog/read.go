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

	// checkInterval is how often a reader without new entries checks the stream.
	checkInterval = time.Second

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
	r := reader{engine: e, js: js, messages: messages, after: after}
	for {
		entries, err := r.next(ctx)
		if err == nil {
			err = take(entries)
		} else {
			err = e.readError(ctx, js, r.after, err)
		}
		if err != nil {
			return err
		}
	}
}

// reader reads messages of a consumer.
type reader struct {
	engine   *Engine
	js       jetstream.JetStream
	messages jetstream.MessagesContext
	after    uint64 // sequence number of the newest entry that was read
	count    uint64 // number of messages that were read
	stalled  bool   // the last check found an entry that the consumer has not delivered
}

// next returns the next entry. If there is none within checkInterval, it checks the stream and returns none.
func (r *reader) next(ctx context.Context) ([]sharedlog.Entry, error) {
	waiting, cancel := context.WithTimeout(ctx, checkInterval)
	defer cancel()
	msg, err := r.messages.Next(jetstream.NextContext(waiting))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, r.check(ctx)
	}
	if err != nil {
		return nil, err
	}
	at, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	r.count++
	if at.Sequence.Consumer != r.count {
		return nil, fmt.Errorf("got message %d, want %d", at.Sequence.Consumer, r.count)
	}
	r.after, r.stalled = at.Sequence.Stream, false
	id := msg.Headers().Get(jetstream.MsgIDHeader)
	return []sharedlog.Entry{{Seq: r.after, ID: id, Text: msg.Data()}}, nil
}

// check returns an error if the stream was reset, or if it has held an entry since the last check that the consumer
// does not deliver, for example because the stream's files are gone.
func (r *reader) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := r.engine.checkStream(ctx, r.js, r.after)
	if err != nil || stream.CachedInfo().State.LastSeq == r.after {
		return err
	}
	newest, err := stream.GetLastMsgForSubject(ctx, ">")
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound): // the newest entries were deleted
		return nil
	case err != nil:
		return fmt.Errorf("read the newest entry: %w", err)
	case newest.Sequence > r.after && r.stalled:
		return fmt.Errorf("the consumer ends at entry %d and the stream at %d", r.after, newest.Sequence)
	}
	r.stalled = newest.Sequence > r.after
	return nil
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
	if _, err := e.checkStream(ctx, js, after); err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessages(prefetch), jetstream.PullHeartbeat(heartbeat))
}

// checkStream returns the stream, or ErrStreamReset if the stream is not the one that Join found, or ends before
// sequence number upTo.
func (e *Engine) checkStream(ctx context.Context, js jetstream.JetStream, upTo uint64) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, e.config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("%w: stream %s does not exist", sharedlog.ErrStreamReset, e.config.Name)
	}
	if err != nil {
		return nil, err
	}
	info := stream.CachedInfo()
	now := info.Created.UnixNano()
	e.created.CompareAndSwap(0, now)
	if created := e.created.Load(); now != created {
		return nil, fmt.Errorf("%w: its epoch changed from %s to %s", sharedlog.ErrStreamReset, epoch(created), epoch(now))
	}
	if last := info.State.LastSeq; last < upTo {
		return nil, fmt.Errorf("%w: it ends at %d and contained %d before", sharedlog.ErrStreamReset, last, upTo)
	}
	return stream, nil
}

// readError returns ctx's error if ctx has ended, ErrStreamReset if the stream was reset, and otherwise err.
func (e *Engine) readError(ctx context.Context, js jetstream.JetStream, after uint64, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	if _, reset := e.checkStream(ctx, js, after); errors.Is(reset, sharedlog.ErrStreamReset) {
		return reset
	}
	return e.wrap("read", js, err)
}
