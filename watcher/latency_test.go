//go:build linux

package watcher_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"wpre-relay/schema"
	"wpre-relay/watcher"
)

// BenchmarkWriteToHandle measures the time from the start of the plugin's write to the handler.
func BenchmarkWriteToHandle(b *testing.B) {
	texts := []string{`{"timestamp":1795426189}`, `{"timestamp":1795426190}`}
	benchmarkToHandle(b, func(file string, i int) error { return writeAsPlugin(file, texts[i%2]) })
}

// BenchmarkOutboxToHandle measures the time from the start of the companion's write to the handler.
func BenchmarkOutboxToHandle(b *testing.B) {
	benchmarkToHandle(b, func(file string, i int) error {
		line := fmt.Sprintf(`{"id":"a-%d","event":{"timestamp":1795426189}}`+"\n", i)
		return write(filepath.Join(filepath.Dir(file), "events-k.ndjson"), os.O_APPEND, line)
	})
}

func benchmarkToHandle(b *testing.B, save func(file string, i int) error) {
	file := filepath.Join(b.TempDir(), "latest_event.json")
	w, err := watcher.New(file, watcher.Options{Complete: schema.Complete, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	handled := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- w.Run(ctx, func(context.Context, watcher.Content) error { handled <- struct{}{}; return nil })
	}()
	<-w.Ready()
	for i := 0; b.Loop(); i++ {
		if err := save(file, i); err != nil {
			b.Fatal(err)
		}
		<-handled
	}
	cancel()
	<-done
}
