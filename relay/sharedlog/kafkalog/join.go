package kafkalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"wpre-relay/relay/sharedlog"
)

// createRetryPause is how long Join waits until the brokers know a topic that was just created.
const createRetryPause = 50 * time.Millisecond

// Join implements sharedlog.Engine. It does not change an existing topic, and fails if that has several partitions.
func (e *Engine) Join(ctx context.Context) (sharedlog.StreamInfo, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, errTimeout)
	defer cancel()
	for {
		info, err := e.describeOrCreate(ctx)
		if err == nil {
			e.mu.Lock()
			e.epoch = info.Epoch
			e.mu.Unlock()
		}
		if !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return info, err
		}
		select {
		case <-time.After(createRetryPause):
		case <-ctx.Done():
			return info, err
		}
	}
}

// joinedEpoch returns the epoch that the last Join found, or "" before the first.
func (e *Engine) joinedEpoch() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.epoch
}

// describeOrCreate returns the contents of the topic. If the topic does not exist, describeOrCreate creates it and
// returns kerr.UnknownTopicOrPartition. It uses a new client, because the library caches for a while that a topic
// does not exist.
func (e *Engine) describeOrCreate(ctx context.Context) (info sharedlog.StreamInfo, err error) {
	client, err := kgo.NewClient(e.opts...)
	if err != nil {
		return info, err
	}
	defer client.Close()
	info, err = e.describe(ctx, client)
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return info, err
	}
	size := strconv.Itoa(maxMessageBytes)
	config := map[string]*string{"max.message.bytes": &size}
	_, createErr := kadm.NewClient(client).CreateTopic(ctx, 1, e.replicas, config, e.topic)
	if createErr != nil && !errors.Is(createErr, kerr.TopicAlreadyExists) {
		err = e.wrap(ctx, "create", createErr)
	}
	return info, err
}

// describe returns the contents of the topic. It needs the broker that leads the partition. Errors of package kerr
// are wrapped.
func (e *Engine) describe(ctx context.Context, client *kgo.Client) (info sharedlog.StreamInfo, err error) {
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx, e.topic)
	if err == nil {
		err = topics[e.topic].Err
	}
	if err != nil {
		return info, e.wrap(ctx, "describe", err)
	}
	if n := len(topics[e.topic].Partitions); n != 1 {
		return info, fmt.Errorf("topic %s has %d partitions, but relays need one to keep the order; "+
			"set another stream name with ?stream=NAME", e.topic, n)
	}
	first, err := e.listOffset(ctx, admin.ListStartOffsets)
	if err != nil {
		return info, err
	}
	end, err := e.listOffset(ctx, admin.ListEndOffsets)
	return sharedlog.StreamInfo{Epoch: epoch(topics[e.topic].ID, e.topic), First: first + 1, Last: end}, err
}

// listOffset returns the offset that list returns for the partition.
func (e *Engine) listOffset(
	ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error),
) (uint64, error) {
	listed, err := list(ctx, e.topic)
	offset, ok := listed.Lookup(e.topic, 0)
	if err == nil {
		err = offset.Err
	}
	if err == nil && !ok {
		err = kerr.UnknownTopicOrPartition
	}
	if err != nil {
		return 0, e.wrap(ctx, "list offsets of", err)
	}
	return uint64(offset.Offset), nil
}
