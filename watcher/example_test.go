package watcher_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"wpre-relay/schema"
	"wpre-relay/watcher"
)

// Watch a WordPress installation and print its first event.
func Example() {
	wordpress, err := os.MkdirTemp("", "wordpress")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(wordpress)
	file, _, err := watcher.Locate(filepath.Join(wordpress, "wp-content"))
	if err != nil {
		panic(err)
	}
	w, err := watcher.New(file, watcher.Options{
		Complete: schema.Complete,
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}

	go func() {
		<-w.Ready()
		saveEvent(file, `{"timestamp":1795426189,"type":"post_saved"}`)
	}()
	ctx, cancel := context.WithCancel(context.Background())
	err = w.Run(ctx, func(_ context.Context, content watcher.Content) error {
		fmt.Printf("%s\n", content.Bytes)
		cancel()
		return nil
	})
	fmt.Println("error:", err)
	// Output:
	// {"timestamp":1795426189,"type":"post_saved"}
	// error: <nil>
}

// saveEvent creates the event file, as the plugin does when a post is saved.
func saveEvent(file, document string) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(file, []byte(document), 0o644); err != nil {
		panic(err)
	}
}
