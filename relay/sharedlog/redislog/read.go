package redislog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"wpre-relay/relay/sharedlog"
)

const (
	// blockTimeout is how long XREAD waits for new entries. It does not delay them. It is also the interval at
	// which a reader checks the epoch.
	blockTimeout = 2 * time.Second

	// replyTimeout is how long Redis may take to reply after blockTimeout. The default of go-redis is ten seconds.
	replyTimeout = 2 * time.Second

	// maxBatch bounds the number of entries that are read at once.
	maxBatch = 256
)

// Read implements sharedlog.Engine. It uses a separate connection, which it closes when ctx ends.
func (e *Engine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	opts := *e.opts
	opts.PoolSize = 1
	client := redis.NewClient(&opts)
	defer client.Close()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	epoch, err := e.epoch(ctx, client)
	for checked := time.Now(); err == nil; {
		var entries []sharedlog.Entry
		if entries, err = e.next(ctx, client, after); err == nil && len(entries) > 0 {
			after = entries[len(entries)-1].Seq
			err = take(entries)
		}
		if err == nil && time.Since(checked) >= blockTimeout { // XREAD does not report a deleted or replaced stream
			err, checked = e.checkEpoch(ctx, client, epoch), time.Now()
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// next returns the entries after a sequence number. It returns none if none are added within blockTimeout.
func (e *Engine) next(ctx context.Context, client *redis.Client, after uint64) ([]sharedlog.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, blockTimeout+replyTimeout)
	defer cancel()
	streams, err := client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{e.keys[0], strconv.FormatUint(after, 10) + "-0"},
		Count:   maxBatch,
		Block:   blockTimeout,
	}).Result()
	if errors.Is(err, redis.Nil) || err == nil && len(streams) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseMessages(streams[0].Messages)
}

// epoch returns the epoch of the stream, or ErrStreamReset if there is none, because the stream was then deleted.
func (e *Engine) epoch(ctx context.Context, client *redis.Client) (string, error) {
	epoch, err := client.Get(ctx, e.keys[2]).Result()
	if errors.Is(err, redis.Nil) {
		err = fmt.Errorf("%w: key %s does not exist", sharedlog.ErrStreamReset, e.keys[2])
	}
	return epoch, err
}

// checkEpoch returns ErrStreamReset if the stream's epoch is not want.
func (e *Engine) checkEpoch(ctx context.Context, client *redis.Client, want string) error {
	epoch, err := e.epoch(ctx, client)
	if err == nil && epoch != want {
		err = fmt.Errorf("%w: its epoch changed from %s to %s", sharedlog.ErrStreamReset, want, epoch)
	}
	return err
}

// parseMessages returns the entries in messages.
func parseMessages(messages []redis.XMessage) ([]sharedlog.Entry, error) {
	entries := make([]sharedlog.Entry, 0, len(messages))
	for _, message := range messages {
		seq, err := seqOf(message.ID)
		if err != nil {
			return nil, err
		}
		id, _ := message.Values["id"].(string)
		text, _ := message.Values["line"].(string)
		entries = append(entries, sharedlog.Entry{Seq: seq, ID: id, Text: []byte(text)})
	}
	return entries, nil
}
