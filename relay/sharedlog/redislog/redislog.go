// Package redislog implements sharedlog.Engine with a stream of Redis 6 or newer, or Valkey. Lua scripts number the
// entries and detect duplicates, because Redis runs one script at a time.
//
// The package cannot keep more than Redis is configured to keep. With appendfsync everysec, and after a failover to a
// replica, the newest entries of about one second may be lost. Relays detect the loss when they reconnect, or within
// blockTimeout, and append nothing before.
package redislog

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/sharedlog"
)

//go:embed join.lua
var joinSource string

//go:embed append.lua
var appendSource string

//go:embed replace_epoch.lua
var replaceEpochSource string

var (
	joinScript         = redis.NewScript(joinSource)
	appendScript       = redis.NewScript(appendSource)
	replaceEpochScript = redis.NewScript(replaceEpochSource)
)

// go-redis prints messages to standard error that repeat the errors it returns.
func init() { logging.Disable() }

// Engine is a stream of Redis. Use Open.
type Engine struct {
	newClient clientFunc
	keys      []string // of the stream, the sorted set of its IDs, and its epoch
	limit     int

	newest atomic.Uint64 // sequence number of the newest entry that Join or Read has found

	mu     sync.Mutex
	epoch  string                // found by the last Join; "" before the first; guarded by mu
	client redis.UniversalClient // runs the scripts; nil before the first, and after one was canceled; guarded by mu
}

// Open returns the stream with this name, of about limit entries, on the server at address:
// redis://[USER:PASSWORD@]HOST[:PORT][/DB], or rediss:// for TLS, with the query parameters of go-redis. For a cluster,
// it is redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST...], and with Sentinel
// redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST...]/MASTER[/DB]; ?sentinel_username= and ?sentinel_password= are
// for the Sentinels. It does not connect yet.
func Open(address *url.URL, name string, limit int) (*Engine, error) {
	newClient, err := parse(address)
	if err != nil {
		return nil, err
	}
	e := &Engine{newClient: newClient, limit: limit}
	for _, part := range []string{"events", "ids", "epoch"} {
		e.keys = append(e.keys, "{"+name+"}:"+part) // the braces place all keys in one slot of a cluster
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

// run runs a script. When ctx ends, it closes the client, because go-redis keeps waiting for the reply.
func (e *Engine) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (*redis.Cmd, error) {
	e.mu.Lock()
	if e.client == nil {
		e.client = e.newClient(0)
	}
	client := e.client
	e.mu.Unlock()
	defer context.AfterFunc(ctx, func() { e.discard(client) })()
	reply := script.Run(ctx, client, keys, args...)
	if ctx.Err() != nil {
		return reply, ctx.Err()
	}
	return reply, hint(reply.Err())
}

// discard closes a client, and with it every script that it runs.
func (e *Engine) discard(client redis.UniversalClient) {
	e.mu.Lock()
	if e.client == client {
		e.client = nil
	}
	e.mu.Unlock()
	client.Close()
}

// Join implements sharedlog.Engine.
func (e *Engine) Join(ctx context.Context) (info sharedlog.StreamInfo, err error) {
	cmd, err := e.run(ctx, joinScript, e.keys, eventlog.NewEpoch())
	if err != nil {
		return info, err
	}
	reply, err := cmd.StringSlice()
	if err != nil {
		return info, err
	}
	if len(reply) != 3 {
		return info, fmt.Errorf("join script: unexpected reply %q", reply)
	}
	info.Epoch = reply[0]
	if info.Last, err = seqOf(reply[1]); err != nil {
		return info, err
	}
	e.mu.Lock()
	e.epoch = info.Epoch
	e.mu.Unlock()
	e.newest.Store(info.Last)
	info.First = info.Last + 1
	if reply[2] != "" {
		info.First, err = seqOf(reply[2])
	}
	return info, err
}

// joinedEpoch returns the epoch that the last Join found, or "" before the first.
func (e *Engine) joinedEpoch() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.epoch
}

// ReplaceEpoch implements sharedlog.EpochReplacer.
func (e *Engine) ReplaceEpoch(ctx context.Context, old string) error {
	_, err := e.run(ctx, replaceEpochScript, e.keys[2:], old, eventlog.NewEpoch())
	return err
}

// Append implements sharedlog.Engine.
func (e *Engine) Append(ctx context.Context, id string, text []byte) error {
	_, err := e.run(ctx, appendScript, e.keys, id, text, e.limit, e.newest.Load())
	return err
}

// seqOf returns the sequence number in the Redis ID of an entry.
func seqOf(id string) (uint64, error) {
	text, ok := strings.CutSuffix(id, "-0")
	n, err := strconv.ParseUint(text, 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("entry %q was not added by a relay; set another stream name with ?stream=NAME", id)
	}
	return n, nil
}
