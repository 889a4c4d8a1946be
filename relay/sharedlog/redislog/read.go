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
	// which a reader checks the stream.
	blockTimeout = 2 * time.Second

	// replyTimeout is how long Redis may take to reply after blockTimeout. The default of go-redis is ten seconds.
	replyTimeout = 2 * time.Second

	// maxBatch bounds the number of entries that are read at once.
	maxBatch = 256
)

// Read implements sharedlog.Engine. It uses a separate connection, which it closes when ctx ends.
func (e *Engine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	client := e.newClient(1)
	defer client.Close()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	err := e.readUntilReset(ctx, client, sharedlog.Entry{Seq: after}, take)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// readUntilReset reads the entries after newest until the stream is reset, or until a command or take fails.
func (e *Engine) readUntilReset(
	ctx context.Context, client redis.UniversalClient, newest sharedlog.Entry, take func([]sharedlog.Entry) error,
) error {
	stream := checker{keys: e.keys, epoch: e.joinedEpoch()}
	err := stream.begin(ctx, client)
	for checked := time.Now(); err == nil; {
		var entries []sharedlog.Entry
		if entries, err = e.next(ctx, client, newest.Seq); err != nil {
			return err
		}
		if len(entries) == 0 || time.Since(checked) >= blockTimeout {
			if err := stream.check(ctx, client, newest); err != nil {
				return err
			}
			checked = time.Now()
		}
		if len(entries) > 0 {
			newest = entries[len(entries)-1]
			e.newest.Store(max(e.newest.Load(), newest.Seq))
		}
		err = take(entries)
	}
	return err
}

// next returns the entries after a sequence number. It returns none if none are added within blockTimeout.
func (e *Engine) next(ctx context.Context, client redis.UniversalClient, after uint64) ([]sharedlog.Entry, error) {
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
		return nil, fmt.Errorf("read key %s: %w", e.keys[0], hint(err))
	}
	return parseMessages(streams[0].Messages)
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
