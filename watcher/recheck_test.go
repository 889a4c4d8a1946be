package watcher_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"wpre-relay/watcher"
)

// quietNotifier announces only what the test sends to it.
type quietNotifier chan fsnotify.Event

func (n quietNotifier) Events() <-chan fsnotify.Event { return n }
func (quietNotifier) Errors() <-chan error            { return nil }
func (quietNotifier) Add(string) error                { return nil }
func (quietNotifier) Remove(string) error             { return nil }
func (quietNotifier) Close() error                    { return nil }

// TestUnannouncedWriteInTheSameTickIsRead writes a content of the same size in the same clock tick as an announced one,
// so that the file's version stays the same.
func TestUnannouncedWriteInTheSameTickIsRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "realtime-events", "latest_event.json")
	if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		written, notifier, contents := time.Now(), make(quietNotifier), []string(nil)
		write := func(text string) {
			err := os.WriteFile(file, []byte(text), 0o600)
			if err := errors.Join(err, os.Chtimes(file, written, written)); err != nil {
				t.Fatal(err)
			}
		}
		w, err := watcher.New(file, watcher.Options{
			Notify: func() (watcher.Notifier, error) { return notifier, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- w.Run(ctx, func(_ context.Context, content watcher.Content) error {
				contents = append(contents, string(content.Bytes))
				return nil
			})
		}()
		<-w.Ready()
		write(`{"n":1}`)
		notifier <- fsnotify.Event{Name: file, Op: fsnotify.Write}
		synctest.Wait()
		write(`{"n":2}`)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if len(contents) != 2 || contents[1] != `{"n":2}` {
			t.Errorf("contents %q", contents)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
