// Package redislog is the stream that relays share as a stream of Redis 6 or newer, or Valkey. Numbers are given by
// scripts, which Redis runs one at a time, and so is it found out what is there already.
//
// Redis keeps what it is configured to keep: with appendfsync everysec, and with replicas that take over, the last second
// may be lost. Relays find out when they connect again.
package redislog

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/sharedlog"
)

const (
	// block is for how long Redis is asked to wait for more. It delays nothing. It is also how often a reader looks whether
	// the stream is the same.
	block = 2 * time.Second

	// patience is how long Redis may take beyond that to answer a reader: go-redis itself would wait ten seconds.
	patience = 2 * time.Second

	// atOnce bounds the entries that are read at once.
	atOnce = 256
)

//go:embed join.lua
var joinSource string

//go:embed append.lua
var appendSource string

//go:embed renew.lua
var renewSource string

var join, add, renew = redis.NewScript(joinSource), redis.NewScript(appendSource), redis.NewScript(renewSource)

// go-redis prints to standard error what its errors say as well.
func init() { logging.Disable() }

// Engine is a stream of Redis. Use Open.
type Engine struct {
	opts  *redis.Options
	keys  []string // of the stream, the IDs that are in it, and the epoch
	limit int

	mu     sync.Mutex
	client *redis.Client // that runs scripts; nil until the first, and after one that was cut short; guarded by mu
}

// Open returns the stream, of the newest entries up to a limit, that address names: redis://[USER:PASSWORD@]HOST[:PORT][/DB],
// or rediss:// for TLS, with ?stream=NAME for another than the given one, and go-redis' own parameters. It does not connect yet.
func Open(address *url.URL, name string, limit int) (*Engine, error) {
	opts, err := redis.ParseURL(address.String())
	if err != nil {
		return nil, err
	}
	opts.MaxRetries, opts.DialerRetries = -1, 1 // they are sharedlog's
	opts.ContextTimeoutEnabled = true
	e := &Engine{opts: opts, limit: limit}
	for _, part := range []string{"events", "ids", "epoch"} {
		e.keys = append(e.keys, "{"+name+"}:"+part) // one slot of a cluster
	}
	return e, nil
}

// Close implements sharedlog.Engine.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client == nil {
		return nil
	}
	return e.client.Close()
}

// run runs a script, and is cut short when ctx ends: go-redis itself waits for the answer.
func (e *Engine) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (*redis.Cmd, error) {
	e.mu.Lock()
	if e.client == nil {
		e.client = redis.NewClient(e.opts)
	}
	client := e.client
	e.mu.Unlock()
	defer context.AfterFunc(ctx, func() { e.drop(client) })()
	answer := script.Run(ctx, client, keys, args...)
	if ctx.Err() != nil {
		return answer, ctx.Err()
	}
	return answer, answer.Err()
}

// drop closes a client with what runs on it.
func (e *Engine) drop(client *redis.Client) {
	e.mu.Lock()
	if e.client == client {
		e.client = nil
	}
	e.mu.Unlock()
	client.Close()
}

// Join implements sharedlog.Engine.
func (e *Engine) Join(ctx context.Context) (extent sharedlog.StreamInfo, err error) {
	said, err := e.run(ctx, join, e.keys, eventlog.NewEpoch())
	if err != nil {
		return extent, err
	}
	answer, err := said.StringSlice()
	if err != nil {
		return extent, err
	}
	if len(answer) != 3 {
		return extent, fmt.Errorf("the script answers %q", answer)
	}
	extent.Epoch = answer[0]
	if extent.Last, err = number(answer[1]); err != nil {
		return extent, err
	}
	extent.First = extent.Last + 1
	if answer[2] != "" {
		extent.First, err = number(answer[2])
	}
	return extent, err
}

// Renew implements sharedlog.Renewer.
func (e *Engine) ReplaceEpoch(ctx context.Context, epoch string) error {
	_, err := e.run(ctx, renew, e.keys[2:], epoch, eventlog.NewEpoch())
	return err
}

// Read implements sharedlog.Engine.
func (e *Engine) Read(ctx context.Context, after uint64, take func([]sharedlog.Entry) error) error {
	opts := *e.opts
	opts.PoolSize = 1
	reader := redis.NewClient(&opts) // which can be closed while it waits
	defer reader.Close()
	defer context.AfterFunc(ctx, func() { reader.Close() })()
	epoch, err := e.epoch(ctx, reader)
	for looked := time.Now(); err == nil; {
		var entries []sharedlog.Entry
		if entries, err = e.next(ctx, reader, after); err == nil && len(entries) > 0 {
			after = entries[len(entries)-1].Seq
			err = take(entries)
		}
		if err == nil && time.Since(looked) >= block { // Redis says nothing when the stream is deleted, and made anew
			err, looked = e.same(ctx, reader, epoch), time.Now()
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// next returns the entries after a number, none if none come for a while.
func (e *Engine) next(ctx context.Context, reader *redis.Client, after uint64) ([]sharedlog.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, block+patience)
	defer cancel()
	streams, err := reader.XRead(ctx, &redis.XReadArgs{
		Streams: []string{e.keys[0], strconv.FormatUint(after, 10) + "-0"},
		Count:   atOnce,
		Block:   block,
	}).Result()
	if errors.Is(err, redis.Nil) || err == nil && len(streams) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(streams[0].Messages)
}

// epoch returns that of the stream. Without one there is no stream any more.
func (e *Engine) epoch(ctx context.Context, reader *redis.Client) (string, error) {
	epoch, err := reader.Get(ctx, e.keys[2]).Result()
	if errors.Is(err, redis.Nil) {
		err = fmt.Errorf("%w: there is no %s any more", sharedlog.ErrStreamReset, e.keys[2])
	}
	return epoch, err
}

// same wants the stream to be of that epoch still.
func (e *Engine) same(ctx context.Context, reader *redis.Client, epoch string) error {
	now, err := e.epoch(ctx, reader)
	if err == nil && now != epoch {
		err = fmt.Errorf("%w: its epoch is %s, and was %s", sharedlog.ErrStreamReset, now, epoch)
	}
	return err
}

func parse(messages []redis.XMessage) ([]sharedlog.Entry, error) {
	entries := make([]sharedlog.Entry, 0, len(messages))
	for _, message := range messages {
		seq, err := number(message.ID)
		if err != nil {
			return nil, err
		}
		id, _ := message.Values["id"].(string)
		text, _ := message.Values["line"].(string)
		entries = append(entries, sharedlog.Entry{Seq: seq, ID: id, Text: []byte(text)})
	}
	return entries, nil
}

// number returns that of the entry with this ID.
func number(id string) (uint64, error) {
	text, ours := strings.CutSuffix(id, "-0")
	n, err := strconv.ParseUint(text, 10, 64)
	if !ours || err != nil {
		return 0, fmt.Errorf("entry %q is none of a relay's: give the stream another name, with ?stream=NAME", id)
	}
	return n, nil
}

// Append implements sharedlog.Engine.
func (e *Engine) Append(ctx context.Context, id string, text []byte) error {
	_, err := e.run(ctx, add, e.keys, id, text, e.limit)
	return err
}
