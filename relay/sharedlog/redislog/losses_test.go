package redislog_test

import (
	"net/url"
	"testing"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/redislog"
)

// keys are the keys of a stream.
type keys struct{ events, ids, epoch string }

func keysOf(stream string) keys {
	return keys{"{" + stream + "}:events", "{" + stream + "}:ids", "{" + stream + "}:epoch"}
}

func TestEachPartCanVanishAlone(t *testing.T) {
	server := enginetest.Redis(t)
	admin := newClient(t, server)
	lose := func(commands func(k keys) [][]any) func(*testing.T, string) {
		return func(t *testing.T, stream string) {
			for _, command := range commands(keysOf(stream)) {
				if err := admin.Do(t.Context(), command...).Err(); err != nil {
					t.Errorf("%v: %v", command, err)
				}
			}
		}
	}
	shorter := func(k keys) [][]any {
		first, err := admin.XRange(t.Context(), k.events, "1-0", "1-0").Result()
		if err != nil || len(first) != 1 {
			t.Errorf("first entry: %v, %v", first, err)
			return nil
		}
		entry := []any{"XADD", k.events, "1-0", "id", first[0].Values["id"], "line", first[0].Values["line"]}
		return [][]any{{"MULTI"}, {"DEL", k.events}, entry, {"EXEC"}}
	}
	deleteKeys := lose(func(k keys) [][]any { return [][]any{{"DEL", k.events, k.ids, k.epoch}} })
	losses := map[string]enginetest.Loss{
		"entries":       {Lose: lose(func(k keys) [][]any { return [][]any{{"DEL", k.events}} })},
		"IDs":           {Lose: lose(func(k keys) [][]any { return [][]any{{"DEL", k.ids}} })},
		"epoch":         {Lose: lose(func(k keys) [][]any { return [][]any{{"DEL", k.epoch}} })},
		"epoch emptied": {Lose: lose(func(k keys) [][]any { return [][]any{{"SET", k.epoch, ""}} })},
		"epoch invalid": {Lose: lose(func(k keys) [][]any { return [][]any{{"SET", k.epoch, "Not An Epoch"}} })},
		"all keys":      {Lose: deleteKeys},
		"scripts":       {Lose: lose(func(keys) [][]any { return [][]any{{"SCRIPT", "FLUSH"}} })},
		"oldest trimmed": {
			Lose: lose(func(k keys) [][]any { return [][]any{{"XTRIM", k.events, "MAXLEN", 1}} }),
		},
		"all trimmed": {
			Lose: lose(func(k keys) [][]any { return [][]any{{"XTRIM", k.events, "MAXLEN", 0}} }),
		},
		"newest deleted": {
			Lose: lose(func(k keys) [][]any { return [][]any{{"XDEL", k.events, "3-0"}} }),
		},
		"sequence": {
			Lose: lose(func(k keys) [][]any {
				return [][]any{{"XTRIM", k.events, "MAXLEN", 0}, {"XSETID", k.events, "1-0"}}
			}),
		},
		"newest lost": {Lose: lose(shorter)},
		"entries of another type": {
			Lose:    lose(func(k keys) [][]any { return [][]any{{"SET", k.events, "x"}} }),
			Problem: "{entries-of-another-type}:events",
			Repair:  deleteKeys,
		},
		"IDs of another type": {
			Lose:    lose(func(k keys) [][]any { return [][]any{{"SET", k.ids, "x"}} }),
			Problem: "{IDs-of-another-type}:ids",
			Repair:  lose(func(k keys) [][]any { return [][]any{{"DEL", k.ids}} }),
		},
		"epoch of another type": {
			Lose: lose(func(k keys) [][]any {
				return [][]any{{"DEL", k.epoch}, {"LPUSH", k.epoch, "x"}}
			}),
			Problem: "{epoch-of-another-type}:epoch",
			Repair:  lose(func(k keys) [][]any { return [][]any{{"DEL", k.epoch}} }),
		},
		"other program appends": {
			Lose: lose(func(k keys) [][]any { return [][]any{{"XADD", k.events, "*", "a", "b"}} }),
		},
	}
	open := func(stream string) (sharedlog.Engine, error) {
		return redislog.Open(&url.URL{Scheme: "redis", Host: server.Address}, stream, 10_000)
	}
	enginetest.TestLosses(t, open, true, losses)
}
