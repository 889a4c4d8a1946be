package kafkalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"wpre-relay/relay/sharedlog"
)

const (
	// checkTimeout bounds one check of a reader.
	checkTimeout = 2500 * time.Millisecond

	// maxBatch bounds the number of entries that are read at once.
	maxBatch = 256
)

// Read implements sharedlog.Engine. The error wraps ErrStreamReset if after is beyond the end, or if the topic was
// replaced.
func (e *Engine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	client, err := kgo.NewClient(e.opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	info, err := e.check(ctx, client)
	if err != nil {
		return err
	}
	if err := compare(info, cmp.Or(e.joinedEpoch(), info.Epoch), after); err != nil {
		return err
	}
	var newest atomic.Uint64 // sequence number of the newest entry that was read
	newest.Store(after)
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { cancel(e.watch(ctx, client, info.Epoch, &newest)) })
	defer watching.Wait()
	defer cancel(nil)
	from := kgo.NewOffset().At(int64(max(after, info.First-1)))
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{e.topic: {0: from}})
	for {
		fetches := client.PollRecords(ctx, maxBatch)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		entries, err := e.entries(fetches, info.Epoch)
		if err == nil && len(entries) > 0 {
			newest.Store(entries[len(entries)-1].Seq)
			err = take(entries)
		}
		if err != nil {
			return err
		}
	}
}

// compare returns ErrStreamReset if the topic's epoch is not want, or if the topic ends before sequence number newest.
func compare(info sharedlog.StreamInfo, want string, newest uint64) error {
	if info.Last < newest && info.Epoch == want {
		return fmt.Errorf("%w: it ends at %d and contained %d before", sharedlog.ErrStreamReset, info.Last, newest)
	}
	return checkEpoch(info.Epoch, want)
}

// watch returns an error if the brokers become unreachable, or if compare does. It returns nil when ctx ends.
func (e *Engine) watch(ctx context.Context, client *kgo.Client, want string, newest *atomic.Uint64) error {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		read := newest.Load() // before the check, or the topic may have grown since
		info, err := e.check(ctx, client)
		if err == nil {
			err = compare(info, want, read)
		}
		if err != nil {
			return err
		}
	}
}

// check returns the contents of the topic, or an error within checkTimeout.
func (e *Engine) check(ctx context.Context, client *kgo.Client) (sharedlog.StreamInfo, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout, errTimeout)
	defer cancel()
	return e.describe(ctx, client)
}

// entries returns the fetched entries. It returns an error for an offset that is out of range because Kafka has
// deleted the record; the next Read skips to the oldest record.
func (e *Engine) entries(fetches kgo.Fetches, wantEpoch string) (entries []sharedlog.Entry, err error) {
	err = fetches.Err()
	if loss, ok := errors.AsType[*kgo.ErrDataLoss](err); ok {
		return nil, fmt.Errorf("%w: %w", sharedlog.ErrStreamReset, loss)
	}
	if err != nil {
		return nil, fmt.Errorf("read topic %s: %w", e.topic, err)
	}
	fetches.EachTopic(func(topic kgo.FetchTopic) {
		if topic.TopicID != [16]byte{} { // Kafka returns no ID before version 3.1
			err = checkEpoch(epoch(topic.TopicID, e.topic), wantEpoch)
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
