package kafkalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"wpre-relay/relay/sharedlog"
)

// Read implements sharedlog.Engine. The error is ErrRenewed, wrapped, if the number is beyond the end, or when another topic
// takes the place of this one.
func (e *Engine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	client, err := kgo.NewClient(e.opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	held, err := e.look(ctx, client)
	if err != nil {
		return err
	}
	if after > held.Last {
		return fmt.Errorf("%w: it ends at %d, before %d", sharedlog.ErrStreamReset, held.Last, after)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { cancel(e.watch(ctx, client, held.Epoch)) })
	defer watching.Wait()
	defer cancel(nil)
	from := kgo.NewOffset().At(int64(max(after, held.First-1)))
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{e.topic: {0: from}})
	for {
		fetches := client.PollRecords(ctx, atOnce)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		entries, err := e.entries(fetches, held.Epoch)
		if err == nil && len(entries) > 0 {
			err = take(entries)
		}
		if err != nil {
			return err
		}
	}
}

// watch returns an error when the brokers cannot be reached, or the topic is of another epoch; nil when ctx ends.
func (e *Engine) watch(ctx context.Context, client *kgo.Client, epoch string) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		held, err := e.look(ctx, client)
		if err == nil {
			err = same(held.Epoch, epoch)
		}
		if err != nil {
			return err
		}
	}
}

// look returns what the topic holds, or an error within patience.
func (e *Engine) look(ctx context.Context, client *kgo.Client) (sharedlog.StreamInfo, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errSlow)
	defer cancel()
	return e.extent(ctx, client)
}

// entries returns what was fetched. An offset that is out of range, because Kafka has deleted what was to be read next, is
// an error like others: whoever reads again passes it over.
func (e *Engine) entries(fetches kgo.Fetches, epochThen string) (entries []sharedlog.Entry, err error) {
	err = fetches.Err()
	if loss, ok := errors.AsType[*kgo.ErrDataLoss](err); ok {
		return nil, fmt.Errorf("%w: %w", sharedlog.ErrStreamReset, loss)
	}
	if err != nil {
		return nil, fmt.Errorf("read topic %s: %w", e.topic, err)
	}
	fetches.EachTopic(func(topic kgo.FetchTopic) {
		if topic.TopicID != [16]byte{} { // as before Kafka 3.1
			err = same(epoch(topic.TopicID, e.topic), epochThen)
		}
	})
	for _, record := range fetches.Records() {
		entry := sharedlog.Entry{Seq: uint64(record.Offset) + 1, Text: record.Value}
		for _, header := range record.Headers {
			if header.Key == idHeader {
				entry.ID = string(header.Value)
			}
		}
		entries = append(entries, entry)
	}
	return entries, err
}

// same wants the topic to be of that epoch still.
func same(now, then string) error {
	if now != then {
		return fmt.Errorf("%w: its epoch is %s, and was %s", sharedlog.ErrStreamReset, now, then)
	}
	return nil
}
