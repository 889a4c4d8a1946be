package redislog_test

import (
	"net/url"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/redislog"
)

// keys are the keys of a stream.
type keys struct{ events, ids, epoch string }

func keysOf(stream string) keys {
	return keys{"{" + stream + "}:events", "{" + stream + "}:ids", "{" + stream + "}:epoch"}
}

// commands are commands of another program.
type commands func(k keys) [][]any

// recoverable are losses that relays recover from by themselves.
var recoverable = map[string]commands{
	"entries":       func(k keys) [][]any { return [][]any{{"DEL", k.events}} },
	"IDs":           func(k keys) [][]any { return [][]any{{"DEL", k.ids}} },
	"epoch":         func(k keys) [][]any { return [][]any{{"DEL", k.epoch}} },
	"epoch emptied": func(k keys) [][]any { return [][]any{{"SET", k.epoch, ""}} },
	"epoch invalid": func(k keys) [][]any { return [][]any{{"SET", k.epoch, "Not An Epoch"}} },
	"all keys":      func(k keys) [][]any { return [][]any{{"DEL", k.events, k.ids, k.epoch}} },
	"scripts":       func(keys) [][]any { return [][]any{{"SCRIPT", "FLUSH"}} },
	"two oldest":    func(k keys) [][]any { return [][]any{{"XTRIM", k.events, "MAXLEN", 1}} },
	"all trimmed":   func(k keys) [][]any { return [][]any{{"XTRIM", k.events, "MAXLEN", 0}} },
	"middle":        func(k keys) [][]any { return [][]any{{"XDEL", k.events, "2-0"}} },
	"newest":        func(k keys) [][]any { return [][]any{{"XDEL", k.events, "3-0"}} },
	"sequence": func(k keys) [][]any {
		return [][]any{{"XTRIM", k.events, "MAXLEN", 0}, {"XSETID", k.events, "1-0"}}
	},
	"other program appends": func(k keys) [][]any { return [][]any{{"XADD", k.events, "*", "a", "b"}} },
}

// wrongType are losses after which an operator must delete a key. The relay names the key.
var wrongType = map[string]struct {
	lose   commands
	key    func(k keys) string
	repair commands
}{
	"entries of another type": {
		func(k keys) [][]any { return [][]any{{"SET", k.events, "x"}} },
		func(k keys) string { return k.events },
		func(k keys) [][]any { return [][]any{{"DEL", k.events}} },
	},
	"IDs of another type": {
		func(k keys) [][]any { return [][]any{{"SET", k.ids, "x"}} },
		func(k keys) string { return k.ids },
		func(k keys) [][]any { return [][]any{{"DEL", k.ids}} },
	},
	"epoch of another type": {
		func(k keys) [][]any { return [][]any{{"DEL", k.epoch}, {"LPUSH", k.epoch, "x"}} },
		func(k keys) string { return k.epoch },
		func(k keys) [][]any { return [][]any{{"DEL", k.epoch}} },
	},
}

func TestEachPartCanVanishAlone(t *testing.T) {
	t.Parallel()
	server := enginetest.Redis(t)
	admin := newClient(t, server)
	losses := map[string]enginetest.Loss{
		"newest entries lost": {Lose: func(t *testing.T, stream string) { shorten(t, admin, keysOf(stream)) }},
	}
	do := func(c commands) func(*testing.T, string) {
		return func(t *testing.T, stream string) {
			for _, command := range c(keysOf(stream)) {
				if err := admin.Do(t.Context(), command...).Err(); err != nil {
					t.Errorf("%v: %v", command, err)
				}
			}
		}
	}
	for name, c := range recoverable {
		losses[name] = enginetest.Loss{Lose: do(c)}
	}
	for name, w := range wrongType {
		problem := "WRONGTYPE key " + w.key(keysOf(enginetest.StreamOf(name)))
		losses[name] = enginetest.Loss{Lose: do(w.lose), Problem: problem, Repair: do(w.repair)}
	}
	enginetest.TestLosses(t, opener(server), true, losses)
}

// shorten replaces the stream by one that ends after the first entry, while the other keys stay.
func shorten(t *testing.T, admin *goredis.Client, k keys) {
	first, err := admin.XRange(t.Context(), k.events, "1-0", "1-0").Result()
	if err != nil || len(first) != 1 {
		t.Fatalf("first entry: %v, %v", first, err)
	}
	_, err = admin.TxPipelined(t.Context(), func(tx goredis.Pipeliner) error {
		tx.Del(t.Context(), k.events)
		return tx.XAdd(t.Context(), &goredis.XAddArgs{Stream: k.events, ID: "1-0", Values: first[0].Values}).Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func opener(server *enginetest.Server) func(string) (sharedlog.Engine, error) {
	return func(stream string) (sharedlog.Engine, error) {
		return redislog.Open(&url.URL{Scheme: "redis", Host: server.Address}, stream, 10_000)
	}
}

// TestFailoverToOlderDataBecomesGap restarts the server with older data, and with none.
func TestFailoverToOlderDataBecomesGap(t *testing.T) {
	t.Parallel()
	server := enginetest.Redis(t)
	enginetest.TestLosses(t, opener(server), false, enginetest.Failovers(server))
}
