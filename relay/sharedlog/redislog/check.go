package redislog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"wpre-relay/relay/sharedlog"
)

// checker detects that the stream is no longer the one that is read. XREAD does not report that: it waits for ever
// for entries that follow one which the stream has lost.
type checker struct {
	keys   []string
	epoch  string
	anchor sharedlog.Entry // the newest entry that was read before the last check; zero before the first
}

// begin sets the epoch to the current one, unless Join has found one.
func (c *checker) begin(ctx context.Context, client redis.UniversalClient) error {
	current, err := client.Get(ctx, c.keys[2]).Result()
	if c.epoch == "" {
		c.epoch = current
	}
	return c.compare(current, c.wrap(err))
}

// compare returns ErrStreamReset if the current epoch is another one, unless there is an error already.
func (c *checker) compare(current string, err error) error {
	if err == nil && current != c.epoch {
		err = fmt.Errorf("%w: its epoch changed from %s to %s", sharedlog.ErrStreamReset, c.epoch, current)
	}
	return err
}

// check returns ErrStreamReset if a key was deleted, if the epoch has changed, if the stream ends before newest, which
// was read last, or if the anchor is another entry now.
func (c *checker) check(ctx context.Context, client redis.UniversalClient, newest sharedlog.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	pipe := client.Pipeline()
	epoch, info := pipe.Get(ctx, c.keys[2]), pipe.XInfoStream(ctx, c.keys[0])
	at := strconv.FormatUint(c.anchor.Seq, 10) + "-0"
	anchor := pipe.XRange(ctx, c.keys[0], at, at)
	pipe.Exec(ctx) // each command has its error
	err := errors.Join(c.wrap(epoch.Err()), c.wrap(info.Err()), c.wrap(anchor.Err()))
	if err := c.compare(epoch.Val(), err); err != nil {
		return err
	}
	last, err := seqOf(info.Val().LastGeneratedID)
	if err == nil && last < newest.Seq {
		err = fmt.Errorf("%w: it ends at %d and contained %d before", sharedlog.ErrStreamReset, last, newest.Seq)
	}
	if err != nil {
		return err
	}
	entries, err := parseMessages(anchor.Val())
	if err == nil && len(entries) > 0 && entries[0].ID != c.anchor.ID { // there is none if it was trimmed
		err = fmt.Errorf("%w: entry %d was replaced", sharedlog.ErrStreamReset, c.anchor.Seq)
	}
	c.anchor = sharedlog.Entry{Seq: newest.Seq, ID: newest.ID}
	return err
}

// wrap returns ErrStreamReset if err reports that a key does not exist. Otherwise it adds the names of the keys to err.
func (c *checker) wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil), strings.Contains(err.Error(), "no such key"):
		return fmt.Errorf("%w: key %s or %s does not exist", sharedlog.ErrStreamReset, c.keys[0], c.keys[2])
	default:
		return fmt.Errorf("read keys %s and %s: %w", c.keys[0], c.keys[2], err)
	}
}
