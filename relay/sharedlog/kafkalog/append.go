package kafkalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"wpre-relay/relay/sharedlog"
)

// Append implements sharedlog.Engine. If Append fails, the brokers may have the entry nevertheless, or receive it
// late. An entry that is appended again is then in the stream twice, but never before earlier entries. An entry
// that was not sent is never sent later, because Append closes the client.
func (e *Engine) Append(ctx context.Context, id string, text []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, errTimeout)
	defer cancel()
	producer, err := e.currentProducer()
	if err != nil {
		return err
	}
	result := make(chan error, 1)
	producer.Produce(ctx, &kgo.Record{
		Topic:   e.topic,
		Headers: []kgo.RecordHeader{{Key: idHeader, Value: []byte(id)}},
		Value:   text,
	}, func(_ *kgo.Record, err error) { result <- err })
	select {
	case err = <-result:
	case <-ctx.Done(): // the library would wait for the result of an entry that it has sent
		err = ctx.Err()
	}
	switch {
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("%w: max.message.bytes of topic %s: %w", sharedlog.ErrTooLarge, e.topic, err)
	case err != nil:
		e.discard(producer)
		return e.wrap(ctx, "append to", err)
	}
	return nil
}

// currentProducer returns the client that appends, or a new one if the last was discarded.
func (e *Engine) currentProducer() (producer *kgo.Client, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.producer == nil {
		e.producer, err = kgo.NewClient(e.opts...)
	}
	return e.producer, err
}

// discard closes a client that appends, and drops its unsent entries.
func (e *Engine) discard(producer *kgo.Client) {
	e.mu.Lock()
	current := e.producer == producer
	if current {
		e.producer = nil
	}
	e.mu.Unlock()
	if current {
		producer.Close()
	}
}
